"""Reports and states that the tests of the board start from."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from telemetry import codec
from telemetry.bus.protocols import Bus
from telemetry.events import (
    ArmCount,
    CapabilityEvidence,
    Change,
    Event,
    LogPlace,
    RolloutChanged,
    WatchReported,
    Weighed,
    WorkerReported,
)
from tests.router.values import NOON, started


def publish(bus: Bus, *events: Event) -> None:
    """Put events on their topics."""
    with bus.publisher() as publisher:
        for event in events:
            publisher.send(codec.encode(event))
        publisher.flush()


def later(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def evidence(name: str = "support", e_value: float = 1.0, **changes: Any) -> CapabilityEvidence:
    fields: dict[str, Any] = {
        "capability": name,
        "watched": True,
        "threshold": 0.1,
        "weight": 1.0,
        "e_value": e_value,
        "control": ArmCount(n=40, mean=0.9),
        "candidate": ArmCount(n=40, mean=0.4),
        "pairs": 0,
        "pair_gap": None,
        "unscored": 0,
    }
    return CapabilityEvidence(**(fields | changes))


def report(seconds: float = 0.0, **changes: Any) -> WatchReported:
    at = later(seconds)
    fields: dict[str, Any] = {
        "source": "belay/worker",
        "time": at,
        "rollout_id": "r1",
        "stage": 0,
        "settled": 80,
        "untagged": 3,
        "e_value": 1.5,
        "bar": 100.0,
        "evidence": (evidence(),),
        "changes": (Change(capability="support", estimate=-0.5, low=-0.7, high=-0.3),),
        "promotion": {"support": 0.4},
        "promotion_bar": 60.0,
        "traffic": {"support": 70, "": 5},
        "imbalances": (),
        "missing": None,
        "judges": ("v1",),
        "heaviest": (
            Weighed(
                interaction_id="i1",
                factor=1.6,
                capability="support",
                arm="candidate",
                value=0.0,
                other_value=1.0,
                logged=LogPlace(partition=0, offset=1),
            ),
        ),
        "last_score": at,
        "last_offset": 9,
        "last_decision": None,
        "stopped": None,
    }
    return WatchReported(**(fields | changes))


def worker(seconds: float = 0.0, **changes: Any) -> WorkerReported:
    fields: dict[str, Any] = {
        "source": "belay/worker",
        "time": later(seconds),
        "worker": "w1",
        "judge": "j",
        "tagger": "t",
        "interactions": 100,
        "scored": 80,
        "unscored": {},
        "waiting": 0,
        "unknown_share": None,
        "unknown_grew": False,
        "behind_s": 0.3,
        "dead": 0,
        "duplicates": 0,
        "late": 0,
        "stands_by": False,
        "refused": {},
        "unannounced": (),
    }
    return WorkerReported(**(fields | changes))


def state(revision: int = 1, seconds: float = 0.0, **changes: Any) -> RolloutChanged:
    base = {"revision": revision, "time": later(seconds), "event_id": f"state-{revision}"}
    return started().model_copy(update=base | changes)
