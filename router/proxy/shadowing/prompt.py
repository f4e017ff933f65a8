"""What the user asked last, out of a request's body: what the word table looks at. Pure."""

from __future__ import annotations

from typing import Any, Final

import pydantic_core

LARGEST_BODY: Final = 256 << 10
"""A larger body (images, whole files) is not parsed for it: that would take longer than all the rest."""


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
        for message in reversed(messages):
            if isinstance(message, dict) and message.get("role") == "user":
                return _text(message.get("content"))
    return _text(request.get("prompt"))


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = (part.get("text") if isinstance(part, dict) else part for part in content)
    return "\n".join(part for part in parts if isinstance(part, str))
