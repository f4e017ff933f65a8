"""What the page asks of a planner, and what it is told.

The planner is the evaluator's; whoever starts control hands one in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Protocol

from pydantic import Field

from telemetry.events import Fraction, Value

Part = Annotated[float, Field(gt=0.0, le=1.0)]
Threshold = Annotated[float, Field(gt=0.0, lt=1.0)]
MOST_PARTS: Final = 60


class PlannedPart(Value):
    """One capability of a plan: its fraction of traffic, base's rate, the drop that is tolerated, its part of alpha."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    traffic: Part
    base: Part
    threshold: Threshold
    weight: Part = 1.0


class PlanAsked(Value):
    """A rollout as planned: `rate` in interactions a second, stages as (share, interactions until the next).

    `shadow` is the fraction that both arms answer, `evenly` or where it tells most; `fresh` the fraction that are their
    subject's first.
    """

    capabilities: Annotated[tuple[PlannedPart, ...], Field(min_length=1, max_length=MOST_PARTS)]
    rate: Annotated[float, Field(gt=0.0, le=1e6)]
    stages: tuple[tuple[float, int], ...]
    alpha: Threshold = 0.01
    shadow: Fraction = 0.0
    fresh: Fraction = 0.5
    evenly: bool = False


class Found(Value):
    """When a drop of this size in this capability would be found: interactions in half and in nine of ten rollouts.

    None is never. `bad_answers` is what the candidate will have spoilt by then (in half of them).
    """

    capability: str
    drop: float
    p50: float | None
    p90: float | None
    bad_answers: float | None


class Planner(Protocol):
    """Reckons how long drops would live; touches nothing."""

    def stages(self, text: str) -> tuple[tuple[float, int], ...]:
        """Stages as people type them: `5%:2000,25%:4000,50%`. Raises UsageError."""
        ...

    def forecast(self, asked: PlanAsked, drops: Sequence[float]) -> Sequence[Found]:
        """Every capability and drop, in this order."""
        ...
