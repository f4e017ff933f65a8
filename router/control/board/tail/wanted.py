"""Which rows somebody wants to see. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated

from pydantic import Field

from router.control.board.tail.rows import Outcome, Row
from telemetry.events import Arm, Value

UNKNOWN = "unknown"
"""The name, among capabilities, of those interactions that belong to none."""
Name = Annotated[str, Field(max_length=200)]


class Wanted(Value):
    """A filter: what is None is not asked for. `low` and `high` (both included) leave only what has a score."""

    rollout: Name | None = None
    route: Name | None = None
    capability: Name | None = None
    arm: Arm | None = None
    outcome: Outcome | None = None
    low: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    high: Annotated[float, Field(ge=0.0, le=1.0)] | None = None


def matches(row: Row, wanted: Wanted, on_route: Collection[str] | None) -> bool:
    """Whether a row is wanted. `on_route` are the rollouts of the wanted route; None where any will do."""
    return (
        (wanted.rollout is None or row.rollout_id == wanted.rollout)
        and (on_route is None or row.rollout_id in on_route)
        and (wanted.capability is None or (row.capability or UNKNOWN) == wanted.capability)
        and (wanted.arm is None or row.arm == wanted.arm)
        and (wanted.outcome is None or row.outcome == wanted.outcome)
        and _in_range(row.value, wanted.low, wanted.high)
    )


def _in_range(value: float | None, low: float | None, high: float | None) -> bool:
    if low is None and high is None:
        return True
    return value is not None and (0.0 if low is None else low) <= value <= (1.0 if high is None else high)
