"""Values that several tests of the router start from."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from router.control.rollout import Promote, RollBack, Start, transition
from telemetry.events import AuditRef, CapabilityWatch, ModelRef, RolloutChanged, RolloutSpec, Stage

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def spec(shares: tuple[float, ...] = (0.05, 0.25, 0.5), **changes: Any) -> RolloutSpec:
    fields: dict[str, Any] = {
        "rollout_id": "r1",
        "model_alias": "m",
        "base": ModelRef(name="base", sha256="b" * 64),
        "candidate": ModelRef(name="candidate", sha256="c" * 64),
        "salt": "pepper",
        "capabilities": (CapabilityWatch(name="support", role="target", threshold=0.1, weight=1.0),),
        "stages": tuple(Stage(share=share) for share in shares),
        "brief_sha256": "d" * 64,
        "audit": AuditRef(verdict="pass", sha256="e" * 64),
    }
    return RolloutSpec(**(fields | changes))


def started(**changes: Any) -> RolloutChanged:
    return transition(None, Start(spec(**changes)), NOON)


def promoted(state: RolloutChanged) -> RolloutChanged:
    return transition(state, Promote("tester", "next"), NOON)


def rolled_back(state: RolloutChanged) -> RolloutChanged:
    return transition(state, RollBack("tester", "enough"), NOON)


def with_share(share: float, **changes: Any) -> RolloutChanged:
    """A ramping rollout whose share is exactly this one, 0 and 1 included."""
    return started(**changes).model_copy(update={"share": share})
