"""Values that several tests of the router start from."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from router.control.rollout import Promote, RollBack, Start, transition
from telemetry import topics
from telemetry.events import (
    Action,
    Allotment,
    AuditRef,
    CapabilityWatch,
    DecisionMade,
    ModelRef,
    Proof,
    RolloutChanged,
    RolloutSpec,
    Stage,
)

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

PROOF = Proof(
    test="betting", e_value=120.0, bar=100.0, blamed=("addition",), evidence=(), topic=topics.SCORES, partition=0,
    first_offset=0, last_offset=9, scores_sha256="a", brief_sha256="b", settings_sha256="c", judges=("v1",),
    heaviest=(), deciding_score="s",
)  # fmt: skip


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


def decision(
    action: Action = "roll_back",
    rollout_id: str = "r1",
    stage: int = 0,
    allotment: Allotment | None = None,
) -> DecisionMade:
    return DecisionMade(
        source="belay.worker", rollout_id=rollout_id, action=action, reason="addition fell", stage=stage, proof=PROOF,
        allotment=allotment,
    )  # fmt: skip


def journal(folder: Path) -> list[dict[str, Any]]:
    """The lines of the journal that a control in this folder has written."""
    return [json.loads(line) for line in (folder / "control.jsonl").read_text().splitlines()]
