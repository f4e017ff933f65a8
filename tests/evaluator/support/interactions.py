"""Builds interactions for the tests of scorer and worker. No clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from telemetry.events import Answer, Assignment, InteractionRecorded, Message

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def answer(text: str = "It is right0.", *, by: str = "control", **changes: object) -> Answer:
    """A complete answer of one arm."""
    fields: dict[str, object] = {
        "served_by": by,
        "status": 200,
        "text": text,
        "finish_reason": "stop",
        "total_ms": 12.0,
    }
    return Answer.model_validate(fields | changes)


def interaction(
    number: int = 0,
    *,
    prompt: str = "facts question 0",
    arm: str = "control",
    share: float = 0.5,
    given: Answer | None = None,
    **changes: object,
) -> InteractionRecorded:
    """The `number`-th interaction; it was served by the arm it was assigned to unless `given` says otherwise."""
    fields: dict[str, object] = {
        "event_id": f"interaction-{number}",
        "time": START + timedelta(seconds=number),
        "source": "test",
        "rollout_id": "r1",
        "assignment": Assignment(
            subject=f"subject-{number}", subject_source="session", arm=arm, share=share, stage=0, revision=1
        ),
        "endpoint": "chat",
        "model": "m",
        "streamed": False,
        "text_policy": "full",
        "messages": (Message(role="system", content="Be brief."), Message(role="user", content=prompt)),
        "answer": given or answer(by=arm),
    }
    return InteractionRecorded.model_validate(fields | changes)
