"""Values that several tests of this folder need."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from telemetry.events import AuditRef, CapabilityWatch, ModelRef, RolloutChanged, RolloutSpec, Stage, new_id
from telemetry.spool.raw_record import RawRecord

TIME = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
USAGE = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}


def facts(**changes: Any) -> dict[str, Any]:
    """The router's facts about one answer."""
    return {
        "served_by": "control",
        "status": 200,
        "streamed": False,
        "first_byte_ms": 12.5,
        "total_ms": 40.25,
        "error": None,
    } | changes


def meta(**changes: Any) -> dict[str, Any]:
    """The router's facts about one interaction."""
    return {
        "event_id": new_id(),
        "time": TIME.isoformat(),
        "source": "router-1",
        "rollout_id": "r1",
        "assignment": {
            "subject": "ab" * 16,
            "subject_source": "session",
            "arm": "control",
            "share": 0.25,
            "stage": 1,
            "revision": 3,
        },
        "endpoint": "chat",
        "answer": facts(),
        "fallback": None,
        "client_left": False,
        "shadow": None,
    } | changes


def chat_request(content: Any = "What is the capital of France?", **more: Any) -> bytes:
    """The body of a chat request."""
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": content}], **more}).encode()


def chat_answer(text: str | None = "Paris.", **message: Any) -> bytes:
    """The body of a chat answer, as vLLM writes it."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text, **message},
        "finish_reason": "stop",
    }
    return json.dumps({"id": "x", "object": "chat.completion", "choices": [choice], "usage": USAGE}).encode()


def raw(request: bytes | None = None, response: bytes | None = None, **changes: Any) -> RawRecord:
    """A raw record of one chat."""
    return RawRecord(
        meta(**changes),
        chat_request() if request is None else request,
        chat_answer() if response is None else response,
    )


def raw_shadow(interaction_id: str, response: bytes | None = None, **changes: Any) -> RawRecord:
    """A raw record of the candidate's answer to an interaction that `raw` made."""
    own = meta()
    fields = {name: own[name] for name in ("time", "source", "rollout_id", "assignment")}
    shadow = {"kind": "shadow", "event_id": interaction_id, "shadow": facts(served_by="candidate")}
    return RawRecord(fields | shadow | changes, b"", b"", chat_answer() if response is None else response)


def rollout(rollout_id: str = "r1", revision: int = 1, since: datetime = TIME) -> RolloutChanged:
    """A state of a rollout."""
    spec = RolloutSpec(
        rollout_id=rollout_id,
        model_alias="m",
        base=ModelRef(name="base", sha256="0" * 64),
        candidate=ModelRef(name="candidate", sha256="1" * 64),
        salt="salt",
        capabilities=(CapabilityWatch(name="facts", role="adjacent", threshold=0.1, weight=1.0),),
        stages=(Stage(share=0.05),),
        brief_sha256="2" * 64,
        audit=AuditRef(verdict="pass", sha256="3" * 64),
    )
    return RolloutChanged(
        source="control",
        spec=spec,
        revision=revision,
        status="ramping",
        stage=0,
        share=0.05,
        since=since,
        actor="somebody",
        reason="started",
    )
