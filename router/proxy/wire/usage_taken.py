"""Takes out of a stream the event of usage that its client did not ask for, byte for byte as if nobody had.

vLLM (0.32) says its `system_fingerprint` in the event that ends a choice or, where usage was asked for, in the event of
usage instead. So an end waits for the event behind it, which is that of usage, and sent with it, unless other choices
go on. These wait for nothing: the end then has the fingerprint that the engine said last.
"""

from __future__ import annotations

from typing import Any, Final

import pydantic_core

_USAGE: Final = b'"usage"'
_END: Final = b'"finish_reason":"'
"""As vLLM writes it; within a JSON string its quotes would be escaped."""
_FINGERPRINT: Final = b'"system_fingerprint"'


class Fingerprint:
    """What an arm's engine said of itself, as JSON has it: None while nothing is known, b"" where it says nothing."""

    __slots__ = ("last",)

    def __init__(self) -> None:
        self.last: bytes | None = None


class UsageTaken:
    """One stream, which comes in whole lines. `taken` is what the last part lost."""

    __slots__ = ("_engine", "_gap", "_held", "taken")

    def __init__(self, engine: Fingerprint) -> None:
        self._engine = engine
        self._gap = False
        self._held: list[bytes] = []
        self.taken = b""

    def touches(self, data: bytes) -> bool:
        """Whether there may be something to take out of these lines, or to put into them; nearly never."""
        return self._gap or bool(self._held) or _USAGE in data or _END in data

    def part(self, data: bytes, *, last: bool = False) -> bytes:
        """What of these lines, and of those that waited, is the client's now; everything where this is the last."""
        kept: list[bytes] = []
        self.taken = b""
        for line in data.splitlines(keepends=True):
            if self._gap:
                self._gap = False
                if not line.strip():  # the end of the event that was taken out
                    continue
            if not line.startswith(b"data:"):
                (self._held or kept).append(line)
            elif (usage := _usage_in(line[5:])) is not None:
                self._gap = True
                self.taken += line
                self._engine.last = _written(usage.get("system_fingerprint"))
                kept += self._ended(self._engine.last)
            else:
                kept += self._beside(line)
        return b"".join(kept) + (self.rest() if last else b"")

    def rest(self) -> bytes:
        """What waited in vain: nothing comes behind it."""
        return b"".join(self._ended(b""))

    def _beside(self, line: bytes) -> list[bytes]:
        """An event that is not usage: what goes out now."""
        out: list[bytes] = []
        if self._held and line[5:].strip() == b"[DONE]":
            out = self._ended(b"")
        elif self._held and self._engine.last is not None:
            out = self._ended(self._engine.last)
        if self._held or (_END in line and _FINGERPRINT not in line):
            self._held.append(line)
            return out
        return [*out, line]

    def _ended(self, fingerprint: bytes) -> list[bytes]:
        """What waited, its ends with the fingerprint."""
        held, self._held = self._held, []
        return [_with(line, fingerprint) for line in held] if fingerprint else held


def _with(line: bytes, fingerprint: bytes) -> bytes:
    """An end with the fingerprint in the place where vLLM has it."""
    at = line.rfind(b"}")
    if at < 0 or _END not in line or _FINGERPRINT in line:
        return line
    return b"%b,%b:%b%b" % (line[:at], _FINGERPRINT, fingerprint, line[at:])


def _written(fingerprint: object) -> bytes:
    return pydantic_core.to_json(fingerprint) if isinstance(fingerprint, str) else b""


def _usage_in(data: bytes) -> dict[str, Any] | None:
    """The event of usage alone that a line's data is; None for any other."""
    if _USAGE not in data:
        return None
    try:
        event: Any = pydantic_core.from_json(data)
    except ValueError:
        return None
    if isinstance(event, dict) and event.get("choices") == [] and isinstance(event.get("usage"), dict):
        return event
    return None
