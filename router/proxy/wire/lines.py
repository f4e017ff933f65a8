"""A stream of server-sent events in whole lines, so that one that is cut can still end in an event of ours."""

from __future__ import annotations

import re
from typing import Final

HELD_BYTES: Final = 1 << 20
"""A line that is longer goes out in pieces: nothing is kept for ever."""
_DONE: Final = re.compile(rb"[\r\n]data: ?\[DONE\][\r\n]*$")
_TAIL_BYTES: Final = 24


class Lines:
    """Passes lines as they are complete, by LF, CR or both. `done` is True once the stream has said [DONE]."""

    __slots__ = ("_held", "_tail", "done")

    def __init__(self) -> None:
        self._held = b""
        self._tail = b"\n"
        self.done = False

    def part(self, data: bytes, *, last: bool) -> bytes:
        """The complete lines among what came so far; everything where this is the last."""
        if self._held:
            data = self._held + data
            self._held = b""
        if not last and not data.endswith(b"\n"):
            end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
            if len(data) - end <= HELD_BYTES:
                data, self._held = data[:end], data[end:]
        tail = data[-_TAIL_BYTES:]
        self._tail = tail if len(tail) == _TAIL_BYTES else (self._tail + tail)[-_TAIL_BYTES:]
        if b"[DONE]" in self._tail and _DONE.search(self._tail):
            self.done = True
        return data
