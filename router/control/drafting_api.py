"""A rollout drafted from the page: which candidates there are, and the rollout of one, to look at before it starts.

A draft is made anew each time and kept nowhere: the page sends it to `POST /rollouts` to start it, as every client.
"""

from __future__ import annotations

from typing import Annotated, Protocol

from fastapi import Depends, FastAPI
from fastapi.responses import JSONResponse
from pydantic import Field

from router.control.access import Caller, require
from router.control.actor import Control, NotThere
from router.control.gate import caller_of
from router.control.planning_api import refused_field
from telemetry.errors import UsageError
from telemetry.events import DEFAULT_ROUTE, AdvancePolicy, Fraction, RolloutSpec, Value

Who = Annotated[Caller, Depends(caller_of)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class Candidate(Value):
    """A model that may be rolled out, with its audit's verdict; None where it has none."""

    name: str
    audit: str | None


class Choices(Value):
    """What the form begins with. `busy` are the routes on which a rollout is live, with its name."""

    candidates: tuple[Candidate, ...]
    model: str
    stages: str
    advance: AdvancePolicy
    shadow: float
    busy: dict[str, str] = Field(default_factory=dict)


class DraftAsked(Value):
    """A rollout as somebody wants it. An override needs a reason, and is recorded under who asks."""

    candidate: Name
    model: Name
    route: Name = DEFAULT_ROUTE
    stages: Annotated[str, Field(min_length=1, max_length=2000)]
    advance: AdvancePolicy = "evidence"
    shadow: Fraction = 0.1
    people: bool = False
    override_reason: Annotated[str, Field(max_length=500)] = ""
    actor: Annotated[str, Field(max_length=500)] = ""


class Drafted(Value):
    """A rollout that nobody has started, and its terms in words, a line each."""

    spec: RolloutSpec
    terms: tuple[str, ...]


class WrongField(UsageError):
    """What was asked for cannot be, because of `field`."""

    def __init__(self, field: str, why: str, *, hint: str = "") -> None:
        super().__init__(why, hint=hint)
        self.field = field


class Drafting(Protocol):
    """Makes drafts out of what lies in a home."""

    def choices(self) -> Choices:
        """What there is to choose from."""
        ...

    def draft(self, asked: DraftAsked, by: str) -> Drafted:
        """The rollout. Raises WrongField, and BelayError for what no field can mend."""
        ...


class NobodyDrafts(NotThere):
    """This control was started without a brief and a home to draft from."""


def add_drafting(app: FastAPI, control: Control, drafting: Drafting | None) -> None:
    """Add the addresses that the form needs; whoever may start a rollout may draft one."""

    def there(who: Caller) -> Drafting:
        require(who, "start")
        if drafting is None:
            raise NobodyDrafts(
                "this control drafts no rollouts: it knows no brief",
                hint="Give it `brief`, and `home` or `models_folder`, or write one with `belay rollout draft`.",
            )
        return drafting

    @app.get("/api/drafts")
    def _choices(who: Who) -> Choices:
        standing = control.standing
        found = there(who).choices()
        live = {state.spec.route: state.spec.rollout_id for state in standing if state.live}
        model = standing[-1].spec.model_alias if standing else found.model
        return found.model_copy(update={"busy": live, "model": model})

    @app.post(
        "/api/drafts", response_model=Drafted, responses={422: {"description": "What is wrong, by field"}}
    )
    def _draft(asked: DraftAsked, who: Who) -> Drafted | JSONResponse:
        try:
            return there(who).draft(asked, who.name or asked.actor)
        except WrongField as wrong:
            return refused_field(wrong.field, wrong.message)
