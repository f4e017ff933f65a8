"""A judging model's client that does not wait long, and scripted servers that answer it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from evaluator.judge.judges.client import JudgeClient, Reply
from tests.evaluator.support.fake_openai import chat_completion


def client(url: str, **changes: Any) -> JudgeClient:
    return JudgeClient(url, "grader", **{"first_pause_s": 0.0, "deadline_s": 5.0} | changes)


def why(reply: Reply) -> str:
    """Why a reply failed."""
    return reply.failure.reason if reply.failure is not None else ""


def saying(*replies: tuple[Any, ...]) -> Callable[[str, dict[str, Any]], Any]:
    """Each reply in turn, the last one for ever."""
    left = list(replies)
    return lambda path, body: left.pop(0) if len(left) > 1 else left[0]  # noqa: ARG005 - a server's shape


def graded(reply: Any) -> tuple[int, Any]:
    return 200, chat_completion(reply)
