"""All texts of one record under its policy: what redacting costs is bounded for all of them together.

Patterns take up to 3 us a character, so that one text is bounded by its length, and a record of many texts would not
be. Whoever has most to say of an interaction asks first: what the room does not suffice for leaves as a digest.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from telemetry.events import TextPolicy
from telemetry.privacy import apply, as_digest

MOST_REDACTED: Final = 400_000
"""Characters of one record that patterns are tried on, at 3 us each at worst."""
LEAST_COST: Final = 10
"""Characters that a text costs at least: to look at a short one, or to digest a long one, takes as long."""


class RecordTexts:
    """The texts of one record. `room` are the characters that may still be redacted; only `redacted` uses them."""

    __slots__ = ("policy", "room")

    def __init__(self, policy: TextPolicy, room: int = MOST_REDACTED) -> None:
        self.policy: TextPolicy = policy
        self.room = room

    @property
    def used_up(self) -> bool:
        """Whether there is room for no text any more: what is left is digested as a whole."""
        return self.policy == "redacted" and self.room < LEAST_COST

    def text(self, text: str) -> str:
        """What of this text may leave: under `redacted` its digest, where there is no room for it."""
        if self.policy != "redacted" or not text:
            return apply(text, self.policy)
        cost = max(len(text), LEAST_COST)
        if cost > self.room:
            self.room = max(0, self.room - LEAST_COST)
            return as_digest(text)
        self.room -= cost
        return apply(text, self.policy)

    def json(self, value: Any) -> Any:
        """The same for every text inside a JSON value, names of object members included.

        Where the room is used up, one digest of what is left of an array or an object: as many digests as texts would
        fit into no record.
        """
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return self._array(value)
        return self._object(value) if isinstance(value, dict) else value

    def _array(self, items: Sequence[Any]) -> list[Any]:
        found: list[Any] = []
        for at, item in enumerate(items):
            if self.used_up:
                return [*found, rest_as_digest(items[at:])]
            found.append(self.json(item))
        return found

    def _object(self, members: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for at, (name, member) in enumerate(members.items()):
            if self.used_up:
                rest = dict(list(members.items())[at:])
                return found | {f"[{len(rest)} more]": rest_as_digest(rest)}
            found[self.text(name)] = self.json(member)
        return found


def rest_as_digest(value: Any) -> str:
    """One digest for a value of many texts that there is no room for."""
    return as_digest(json.dumps(value, ensure_ascii=False))
