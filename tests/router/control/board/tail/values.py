"""Interactions and scores that the tests of the tail and of an interaction's way start from."""

from __future__ import annotations

from typing import Any

from telemetry.events import (
    Answer,
    Assignment,
    InteractionRecorded,
    Message,
    ScoreRecorded,
    ShadowAnswered,
    ShadowDraw,
)
from tests.router.control.board.values import later
from tests.router.values import NOON

WHO = Assignment(
    subject="5ubject", subject_source="session", arm="candidate", share=0.25, stage=1, revision=4
)


def answer(**changes: Any) -> Answer:
    fields: dict[str, Any] = {
        "served_by": "candidate",
        "status": 200,
        "text": "the candidate's",
        "completion_tokens": 12,
        "first_byte_ms": 80.0,
        "total_ms": 600.0,
    }
    return Answer(**(fields | changes))


def interaction(name: str = "i0", **changes: Any) -> InteractionRecorded:
    fields: dict[str, Any] = {
        "event_id": name,
        "time": NOON,
        "source": "router/eu-1",
        "rollout_id": "r1",
        "assignment": WHO,
        "endpoint": "chat",
        "model": "m",
        "streamed": True,
        "text_policy": "redacted",
        "messages": (Message(role="user", content="how many ropes?"),),
        "answer": answer(),
        "draw": ShadowDraw(capability="support", fraction=0.2, drawn=False),
    }
    return InteractionRecorded(**(fields | changes))


def shadow(name: str = "i0", **changes: Any) -> ShadowAnswered:
    fields: dict[str, Any] = {
        "event_id": f"shadow-{name}",
        "source": "router/eu-1",
        "time": later(0.9),
        "interaction_id": name,
        "rollout_id": "r1",
        "assignment": WHO,
        "text_policy": "redacted",
        "shadow": answer(served_by="control", text="base's"),
    }
    return ShadowAnswered(**(fields | changes))


def score(name: str = "i0", **changes: Any) -> ScoreRecorded:
    fields: dict[str, Any] = {
        "event_id": f"score-{name}",
        "time": later(1.5),
        "source": "belay/worker",
        "rollout_id": "r1",
        "interaction_id": name,
        "interaction_time": NOON,
        "assignment": WHO,
        "capability": "support",
        "tag_confidence": 0.9,
        "value": 0.75,
        "judge": "verifiers 4",
        "basis": "prompt",
        "total_ms": 600.0,
        "draw": ShadowDraw(capability="support", fraction=0.2, drawn=False),
    }
    return ScoreRecorded(**(fields | changes))
