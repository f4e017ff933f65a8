"""What the user asked last: what taggers, judges and the router's word table look at. Pure.

Of an interaction, as the evaluator reads it, and of a request's body, as the router has it. Both are the text of the
last message of the user; parts that are no text stand in an interaction as JSON, in a body they are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import pydantic_core

from telemetry.events import InteractionRecorded, Message

LARGEST_BODY: Final = 256 << 10
"""A larger body (images, whole files) is not parsed for it: that would take longer than all the rest."""

M = TypeVar("M")


def prompt_of(interaction: InteractionRecorded) -> str:
    """The last user message of an interaction; empty without any."""
    found = _last_of_user(interaction.messages, _role)
    return found.content if found is not None else ""


def turns_of(interaction: InteractionRecorded) -> tuple[str, ...]:
    """All that the user said in an interaction, the last last."""
    return tuple(message.content for message in interaction.messages if message.role == "user")


def prompt_in(body: bytes) -> str:
    """The last user message of a chat, the prompt of a completion; empty where there is none of text."""
    if len(body) > LARGEST_BODY:
        return ""
    try:
        request = pydantic_core.from_json(body)
    except ValueError:
        return ""
    if not isinstance(request, dict):
        return ""
    messages = request.get("messages")
    if isinstance(messages, list):
        found = _last_of_user(messages, _role_in)
        if found is not None:
            return _text(found.get("content"))
    return _text(request.get("prompt"))


def _last_of_user(messages: Sequence[M], role: Callable[[M], object]) -> M | None:
    return next((message for message in reversed(messages) if role(message) == "user"), None)


def _role(message: Message) -> str:
    return message.role


def _role_in(message: Any) -> object:
    return message.get("role") if isinstance(message, dict) else None


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = (part.get("text") if isinstance(part, dict) else part for part in content)
    return "\n".join(part for part in parts if isinstance(part, str))
