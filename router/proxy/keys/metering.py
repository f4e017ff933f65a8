"""How many tokens a request has cost, by what passes to its client; nothing is parsed for it."""

from __future__ import annotations

import re
from typing import Final

_NAME: Final = b'"total_tokens"'
_TOTAL: Final = re.compile(rb'"total_tokens"\s*:\s*([0-9]{1,15})')
_ACROSS: Final = 64
"""Bytes of a piece's end that are looked at again with the next one: the name and its number may lie across both."""
_BYTES_PER_TOKEN: Final = 4
"""Of English text; the estimate where the answer does not say."""
_EVENT: Final = b"data:"


class Meter:
    """What one request has cost so far. `asked_bytes` are those of its body."""

    __slots__ = ("_bytes", "_events", "_told", "_was", "asked_bytes")

    def __init__(self) -> None:
        self.asked_bytes = 0
        self._bytes = 0
        self._events = 0
        self._told: int | None = None
        self._was = b""

    def saw(self, piece: bytes) -> None:
        """A piece of the answer."""
        self._bytes += len(piece)
        self._events += piece.count(_EVENT)
        seen = self._was + piece if self._was else piece
        at = seen.rfind(_NAME)
        if at >= 0 and (found := _TOTAL.match(seen, at)) is not None:
            self._told = int(found[1])
        self._was = seen[-_ACROSS:]

    def tokens(self) -> int:
        """What the answer's own `usage` says, in its last word on that.

        Where it says nothing, an estimate: a token for every 4 bytes that were asked and answered; of a stream for
        every event, since most engines send one a token.
        """
        if self._told is not None:
            return self._told
        answered = self._events or self._bytes // _BYTES_PER_TOKEN
        return self.asked_bytes // _BYTES_PER_TOKEN + answered
