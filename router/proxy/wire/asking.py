"""What an engine is asked, how long it is waited for, and how that fails: values alone."""

from __future__ import annotations

from typing import Literal, NamedTuple

from telemetry.errors import InfrastructureError

Reason = Literal["refused", "timeout", "died", "garbled", "abandoned", "too_long"]


class UpstreamFailed(InfrastructureError):
    """An engine refused, timed out or died. `reason` is one word; `received` says whether a byte came."""

    retriable = True

    def __init__(self, message: str, reason: Reason, *, received: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.received = received


class Request(NamedTuple):
    """A request as it goes on the wire; `headers` are whole lines without host and content-length."""

    method: bytes
    target: bytes
    headers: bytes
    body: bytes


class Patience(NamedTuple):
    """Seconds from `start` to the first byte of a stream or the end of any other answer, and to the end of both.

    `stall_s` are the seconds of silence within an answer.
    """

    first_byte_s: float
    stall_s: float
    total_s: float

    def after(self, seconds: float) -> Patience:
        """What is left of it after these seconds."""
        return Patience(self.first_byte_s - seconds, self.stall_s, self.total_s - seconds)
