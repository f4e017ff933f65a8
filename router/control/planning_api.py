"""The planner as a form: what would be planned, and how long drops would live. It reckons, and changes nothing."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from pydantic import Field

from router.control.actor import NotThere
from router.control.planning import MOST_PARTS, Found, PlanAsked, PlannedPart, Planner
from telemetry.errors import UsageError
from telemetry.events import Fraction, Value

CURVE: Final = (0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.10, 0.13, 0.16, 0.20, 0.25, 0.30, 0.40)
"""Drops at which the curve is reckoned."""


class PlanForm(Value):
    """What somebody typed. Weights are even; stages as on the command line: `5%:2000,25%:4000,50%`."""

    capabilities: Annotated[tuple[PlannedPart, ...], Field(min_length=1, max_length=MOST_PARTS)]
    rate: Annotated[float, Field(gt=0.0, le=1e6)]
    stages: Annotated[str, Field(min_length=1, max_length=2000)]
    shadow: Fraction = 0.1
    fresh: Fraction = 0.5


class Curve(Value):
    """How long drops of one capability would live, at growing sizes; those within its threshold are never found."""

    capability: str
    found: tuple[Found, ...]


class PlanTold(Value):
    """The plan as it was understood, and a curve for each capability."""

    rate: float
    stages: tuple[tuple[float, int], ...]
    curves: tuple[Curve, ...]


class NobodyPlans(NotThere):
    """This control was started without a planner."""


def add_planning(app: FastAPI, planner: Planner | None) -> None:
    """Add the address that the form is sent to. Whoever may look may reckon."""

    @app.post(
        "/api/plan", response_model=PlanTold, responses={422: {"description": "What is wrong, by field"}}
    )
    def _plan(form: PlanForm) -> PlanTold | JSONResponse:
        if planner is None:
            raise NobodyPlans("this control has no planner", hint="`belay plan` reckons on the command line.")
        if sum(part.traffic for part in form.capabilities) > 1.0 + 1e-6:
            return refused_field("capabilities", "their parts of traffic are more than all of it (100%)")
        try:
            stages = planner.stages(form.stages)
        except UsageError as error:
            return refused_field("stages", error.message.removeprefix("--stages "))
        return told(planner, form, stages)


def told(planner: Planner, form: PlanForm, stages: tuple[tuple[float, int], ...]) -> PlanTold:
    """The curves of a plan."""
    weight = 1.0 / len(form.capabilities)
    asked = PlanAsked(
        capabilities=tuple(part.model_copy(update={"weight": weight}) for part in form.capabilities),
        rate=form.rate,
        stages=stages,
        shadow=form.shadow,
        fresh=form.fresh,
    )
    found = planner.forecast(asked, CURVE)
    curves = tuple(
        Curve(capability=part.name, found=tuple(found[n * len(CURVE) : (n + 1) * len(CURVE)]))
        for n, part in enumerate(form.capabilities)
    )
    return PlanTold(rate=form.rate, stages=stages, curves=curves)


def refused_field(name: str, why: str) -> JSONResponse:
    """A form that cannot be taken, because of one field: pages show the words beside it."""
    return JSONResponse({"error": f"{name}: {why}", "hint": "", "fields": {name: why}}, 422)
