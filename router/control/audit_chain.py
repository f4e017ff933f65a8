"""The chain that makes an edit of the audit log show: each line holds the hash of the one before it. Pure.

A line's hash is the SHA-256 of its JSON without it, keys sorted and nothing between them. Whoever changes, drops or
inserts a line breaks the link after it; whoever cuts off the end changes the head, which `belay.audit-log` has too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

FIRST: Final = "0" * 64
"""What stands for the line before the first."""


class Chain(NamedTuple):
    """A chain that was looked at: how many links hold, the hash of the last, and what is broken after it, if any is."""

    length: int
    head: str
    broken: str | None


def link(entry: dict[str, Any]) -> str:
    """The hash of an entry, whatever it says of its own."""
    rest = {name: value for name, value in entry.items() if name != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def verify(lines: Iterable[str]) -> Chain:
    """Follow the chain from its first line as far as it holds."""
    length, head = 0, FIRST
    for number, line in enumerate(lines, 1):
        broken = _broken(line, number, head)
        if broken is not None:
            return Chain(length, head, f"line {number} {broken}")
        length, head = number, json.loads(line)["sha256"]
    return Chain(length, head, None)


def _broken(line: str, number: int, head: str) -> str | None:
    try:
        entry = json.loads(line)
        said, before, counted = entry["sha256"], entry["previous"], entry["number"]
    except (ValueError, LookupError, TypeError):
        return "is no entry"
    if before != head:
        return "does not follow the one before it: a line was dropped, inserted or replaced"
    if counted != number:
        return f"says that it is number {counted}"
    if link(entry) != said:
        return "was changed after it was written"
    return None
