"""What stands behind the forms of control's page: the planner, and drafts out of what lies in the home."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from pathlib import Path

from belay.home import Home
from belay.steps.rollout_draft import draft, terms_lines
from belay.steps.stages import STAGES, parse_stages
from evaluator.watch.planning.planner import Plan, PlannedCapability, forecast
from router.control.drafting_api import Candidate, Choices, DraftAsked, Drafted, WrongField
from router.control.planning import Found, PlanAsked
from serving.models.store import ModelStore
from telemetry.errors import BelayError, UsageError


class PagePlanner:
    """`router.control.planning.Planner`, by the planner of `belay plan`."""

    def stages(self, text: str) -> tuple[tuple[float, int], ...]:
        """Stages as people type them. Raises UsageError."""
        return parse_stages(text)

    def forecast(self, asked: PlanAsked, drops: Sequence[float]) -> tuple[Found, ...]:
        """Every capability and drop, in this order."""
        plan = Plan(
            capabilities=tuple(PlannedCapability(**part.model_dump()) for part in asked.capabilities),
            **asked.model_dump(exclude={"capabilities"}),
        )
        return tuple(
            Found(
                capability=one.capability,
                drop=drop,
                p50=_finite(one.p50),
                p90=_finite(one.p90),
                bad_answers=_finite(one.bad_answers),
            )
            for one, drop in zip(forecast(plan, drops), [*drops] * len(plan.capabilities), strict=True)
        )


class PageDrafting:
    """`router.control.drafting_api.Drafting` over a home and a brief."""

    def __init__(self, home: Home, brief: Path, alias: str) -> None:
        self._home, self._brief, self._alias = home, brief, alias

    def choices(self) -> Choices:
        """Every candidate and adapter, with its audit's verdict."""
        found = ModelStore(self._home.models).every("candidate", "adapter")
        candidates = tuple(
            Candidate(
                name=model.name, audit=None if model.manifest.audit is None else model.manifest.audit.verdict
            )
            for model in found
        )
        return Choices(
            candidates=candidates, model=self._alias, stages=STAGES, advance="evidence", shadow=0.1
        )

    def draft(self, asked: DraftAsked, by: str) -> Drafted:
        """The rollout as `belay rollout draft` makes it. Raises WrongField, and BelayError for the rest."""
        store = ModelStore(self._home.models)
        try:
            parse_stages(asked.stages)
        except UsageError as error:
            raise WrongField("stages", error.message.removeprefix("--stages ")) from error
        try:
            model = store.get(asked.candidate)
        except BelayError as error:
            raise WrongField("candidate", error.message, hint=error.hint) from error
        audit = model.manifest.audit
        if audit is None:
            raise WrongField("candidate", "it has no audit: no passing audit, no rollout")
        if audit.verdict != "pass" and not asked.override_reason.strip():
            raise WrongField(
                "override_reason", f"its audit is {audit.verdict!r}: say why it may go out all the same"
            )
        if audit.verdict != "pass" and not by:
            raise WrongField("actor", "an override has the name of whoever makes it")
        spec = draft(
            self._home,
            self._brief,
            asked.candidate,
            alias=asked.model,
            stages=asked.stages,
            advance=asked.advance,
            shadow=asked.shadow,
            override_by=by,
            override_reason=asked.override_reason,
            people=asked.people,
            route=asked.route,
        )
        return Drafted(spec=spec, terms=tuple(terms_lines(spec)))


def _finite(value: float) -> float | None:
    return None if value == inf else value
