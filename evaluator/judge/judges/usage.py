"""What a judging model's server says of the tokens that a reply took. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeGuard


class Usage(NamedTuple):
    """Tokens of one reply, as its server counted them."""

    prompt: int
    completion: int


def usage_of(said: Any) -> Usage | None:
    """The `usage` of a chat completion; None where it tells none, or none that can be believed: unknown is not 0.

    >>> usage_of({"usage": {"prompt_tokens": 812, "completion_tokens": 40, "total_tokens": 852}})
    Usage(prompt=812, completion=40)
    >>> usage_of({"usage": {"prompt_tokens": None}})
    """
    usage = said.get("usage") if isinstance(said, dict) else None
    if not isinstance(usage, dict):
        return None
    prompt, completion = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if not _is_count(prompt) or not _is_count(completion):
        return None
    return Usage(prompt, completion)


def _is_count(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
