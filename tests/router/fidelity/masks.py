"""What may differ between an engine's answer and the same one through the router, each with its reason.

Everything else has to be equal, byte for byte.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from tests.router.fidelity.wire import Answer, Framing

DRAWN: Final = re.compile(
    rb"""
    (?P<id> \b (?: chatcmpl-tool | chatcmpl | cmpl | resp | rs | msg | call | fc | embd | rerank | score | modelperm )
            [-_] [0-9A-Za-z_.:-]*[0-9A-Za-z] )
  | (?P<time> " (?: created | created_at | completed_at ) \\? " \s* : \s* [0-9.]+ )
    """,
    re.VERBOSE,
)
"""Names and times, which an engine draws anew for every answer; also where an answer stands in a string of JSON."""

ADDED: Final = {
    "x-request-id": "echoed, or made: a request is found again by it",
    "x-belay-interaction": "under which id the interaction is recorded (`expose_headers`)",
}
"""Headers that the router adds."""

OF_THE_CONNECTION: Final = {
    "connection": "it speaks of one connection only; whether that is kept is compared by asking again",
    "keep-alive": "it speaks of one connection only",
    "transfer-encoding": "how a body is cut is compared as the answer's framing",
    "date": "each answer has its own time",
}


@dataclass(frozen=True, slots=True)
class Masked:
    """What two answers have to agree on."""

    interim: tuple[int, ...]
    version: str
    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    framing: Framing
    body: bytes

    @property
    def events(self) -> list[bytes]:
        """The body's events, where it is a stream of them."""
        return self.body.split(b"\n\n")


def masked(answer: Answer, *, ours: bool) -> Masked:
    """An answer without what may differ; `ours` says whether it came through the router.

    Names keep who is who: the first id that was drawn becomes `chatcmpl#1` wherever it stands.
    """
    dropped = OF_THE_CONNECTION.keys() | (ADDED.keys() if ours else set())
    body = without_drawn(answer.body)
    length = None if len(body) == len(answer.body) else "masked"
    headers = tuple(
        (name, length if length and name.lower() == "content-length" else value)
        for name, value in answer.headers
        if name.lower() not in dropped
    )
    return Masked(answer.interim, answer.version, answer.status, answer.reason, headers, answer.framing, body)


def without_drawn(body: bytes) -> bytes:
    seen: dict[bytes, bytes] = {}

    def named(found: re.Match[bytes]) -> bytes:
        if found["time"] is not None:
            return found["time"].partition(b":")[0] + b": 0"
        drawn: bytes = found["id"]
        kind = re.split(rb"[-_]", drawn.removeprefix(b"chatcmpl-tool"), maxsplit=1)[0]
        return seen.setdefault(drawn, b"%b#%d" % (kind or b"tool", len(seen) + 1))

    return DRAWN.sub(named, body)
