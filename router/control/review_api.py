"""People's grades over HTTP: the next answer, blind, and what it is worth.

Which answers are shown and what a grade means is the evaluator's; whoever starts control hands it in as `Reviewing`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Annotated, Final, Protocol

from fastapi import Depends, FastAPI, Header, Query
from fastapi.responses import JSONResponse
from pydantic import Field

from router.control.access import Caller, require
from router.control.actor import Control, NotThere
from router.control.desk import Asked, Desk
from router.control.gate import caller_of
from telemetry.errors import UsageError
from telemetry.events import AnswerGraded, Fraction, InteractionRecorded, LogPlace, Message, Value

Name = Annotated[str, Field(min_length=1, max_length=100)]
Who = Annotated[Caller, Depends(caller_of)]
Find = Callable[[str, LogPlace], InteractionRecorded]
WHAT: Final = "grade"


class Case(Protocol):
    """An answer that is shown; nothing of it tells the arm."""

    @property
    def id(self) -> str:
        """What it is called; it names neither interaction nor arm."""
        ...

    @property
    def capability(self) -> str:
        """What it is about."""
        ...

    @property
    def messages(self) -> Sequence[Message]:
        """What was asked, all turns of it."""
        ...

    @property
    def answer(self) -> str:
        """What is graded."""
        ...


class Reviewing(Protocol):
    """Shows answers and takes grades."""

    def left(self, rollout_id: str, grader: str) -> tuple[int, int]:
        """Answers that wait for this person at most, and pairs that people have graded whole.

        Of what is known since the last `show`.
        """
        ...

    def show(self, rollout_id: str, grader: str) -> Case | None:
        """The next answer for this person, None where there is none now."""
        ...

    def take(
        self, rollout_id: str, case_id: str, grader: str, grade: float, note: str
    ) -> AnswerGraded | None:
        """Publish a grade; None where this person was shown no such case."""
        ...


class Shown(Value):
    """An answer to be graded from 0 (useless) to 1; `case` None says that there is none now.

    `left` answers wait for this person at most, and of `graded_pairs` people have graded both answers.
    """

    case: str | None
    capability: str | None = None
    messages: tuple[Message, ...] = ()
    answer: str = ""
    left: int = 0
    graded_pairs: int = 0


class Grade(Value):
    """What an answer is worth, and a note. `actor` is who grades, where nobody signs in."""

    grade: Fraction
    note: Annotated[str, Field(max_length=500)] = ""
    actor: Name | None = None


class Graded(Value):
    """What was recorded."""

    case: str
    grade: float
    grader: str


class NobodyReviews(NotThere):
    """This control has nothing to show: it was started without a broker, or without whoever knows the cases."""


class NoSuchCase(NotThere):
    """This person was not shown such a case, or before a restart."""


class NoName(UsageError):
    """A grade is somebody's."""


def add_review(app: FastAPI, control: Control, desk: Desk, reviewing: Callable[[], Reviewing | None]) -> None:
    """Add the addresses that people grade at; `reviewing` is asked at the first request, it may take a second."""
    one_at_a_time = threading.Lock()  # else two that ask first would have one each

    def there(rollout_id: str) -> Reviewing:
        control.rollout(rollout_id)
        with one_at_a_time:
            found = reviewing()
        if found is None:
            raise NobodyReviews(
                "this control shows no answers to grade: it has no broker",
                hint="Grade with `belay review`, or give it bootstrap_servers.",
            )
        return found

    @app.get("/rollouts/{rollout_id}/review")
    def _show(rollout_id: str, who: Who, actor: Annotated[Name | None, Query()] = None) -> Shown:
        require(who, WHAT)
        reviews, grader = there(rollout_id), _grader(who, actor)
        case = reviews.show(rollout_id, grader)
        left, graded_pairs = reviews.left(rollout_id, grader)
        if case is None:
            return Shown(case=None, graded_pairs=graded_pairs)
        return Shown(
            case=case.id,
            capability=case.capability,
            messages=tuple(case.messages),
            answer=case.answer,
            left=left,
            graded_pairs=graded_pairs,
        )

    @app.post("/rollouts/{rollout_id}/review/{case}", status_code=201, response_model=Graded)
    def _grade(
        rollout_id: str,
        case: str,
        word: Grade,
        who: Who,
        key: Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200)] = None,
    ) -> JSONResponse:
        grader = _grader(who, word.actor)

        def done() -> Graded:
            made = there(rollout_id).take(rollout_id, case, grader, word.grade, word.note)
            if made is None:
                raise NoSuchCase(
                    f"{grader} was shown no case {case[:40]!r} of rollout {rollout_id!r}",
                    hint=f"GET /rollouts/{rollout_id}/review shows the next one.",
                )
            return Graded(case=case, grade=made.grade, grader=grader)

        asked = Asked(who, WHAT, rollout_id, grader, f"{case}\x1f{word.model_dump_json()}", key)
        answered = desk.serve(asked, done, 201)
        return JSONResponse(answered.content, answered.status)


def _grader(who: Caller, actor: str | None) -> str:
    name = who.name or actor
    if not name:
        raise NoName("nobody signs in at this control, so a request has to say who grades (`actor`)")
    return name[:100]
