"""The ids of events: new ones, which tell when they were made, and those that follow from what they are of."""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from time import time_ns
from typing import Final

_AT_ONCE: Final = 64
_DRAWN: Final = 18
"""Digits of chance in an id: 72 bits, between the version and the variant and behind them."""
_OBJECTS: Final = uuid.NAMESPACE_OID.bytes
_VARIANT: Final = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
_ready: list[str] = []
# A child that had its parent's would give the same ids.
os.register_at_fork(after_in_child=_ready.clear)
_OF_A_TIME: Final = re.compile(r"([0-9a-f]{8})-?([0-9a-f]{4})-?7[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}")


def new_id() -> str:
    """A fresh event id: a UUID of version 7 (RFC 9562), hex, so that ids sort by the millisecond they were made in.

    Of the clock is asked what costs no system call; of the kernel its randomness, a few dozen ids at a time.
    """
    try:
        return f"{time_ns() // 1_000_000:012x}{_ready.pop()}"
    except IndexError:
        drawn = os.urandom(_DRAWN // 2 * _AT_ONCE).hex()
        _ready.extend(
            f"7{drawn[at : at + 3]}8{drawn[at + 3 : at + _DRAWN]}" for at in range(0, len(drawn), _DRAWN)
        )
        return new_id()


def time_ms_of(event_id: str) -> int | None:
    """When an id was made, in milliseconds since the epoch; None where it says none: older records' and others' ids.

    It is what the id says: in one that somebody else made up, 1 in 64 of random digits look like one of these.

    >>> time_ms_of("017f22e279b07cc398c4dc0c0c07398f")
    1645557742000
    >>> time_ms_of("919108f752d133205bacf847db4148a8") is None
    True
    """
    found = _OF_A_TIME.fullmatch(event_id)
    return None if found is None else int(found[1] + found[2], 16)


def derived_id(*parts: str) -> str:
    """An id that is the same whenever the same parts are given, so that a repeated effect is one effect.

    A UUID of version 5 in hex, without the object in between, which took two thirds of the time: every score has one.
    """
    digits = hashlib.sha1(_OBJECTS + "\x1f".join(parts).encode(), usedforsecurity=False).hexdigest()
    return f"{digits[:12]}5{digits[13:16]}{_VARIANT[digits[16]]}{digits[17:32]}"
