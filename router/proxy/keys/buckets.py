"""Token buckets: what is left of a budget per minute. Pure: whoever asks brings the time along.

A bucket is one number, the time at which it is full again if nothing more is taken: as the virtual scheduling of the
generic cell rate algorithm has it (ITU-T I.371, annex A). It fills by `per_minute` units a minute, so that no minute
lets in more than twice that, nor any hour more than 61 times that.

What is spent before its price is known (the tokens of an answer) is charged afterwards, so that a level may go below
zero; nothing more is let in until it is back. Times are seconds of any clock that does not go back.
"""

from __future__ import annotations

from typing import Final

_MINUTE_S: Final = 60.0
ONE: Final = 0.999
"""A level at which one unit is there, whatever additions of seconds have rounded."""


def level(per_minute: float, full_at: float, at: float) -> float:
    """How much is left at this time, at most `per_minute`.

    >>> [level(60, 130.0, at) for at in (40.0, 70.0, 71.0, 1000.0)]
    [-30.0, 0.0, 1.0, 60]
    """
    return per_minute - (full_at - at) * per_minute / _MINUTE_S if full_at > at else per_minute


def charged(per_minute: float, full_at: float, at: float, units: float) -> float:
    """When it is full after so much was taken at this time, whether or not it was there."""
    return (max(at, full_at)) + units * _MINUTE_S / per_minute


def seconds_until(per_minute: float, full_at: float, at: float, wanted: float) -> float:
    """How long it takes until this level is there, if nothing is taken meanwhile; 0 where it is."""
    return max(0.0, (wanted - level(per_minute, full_at, at)) * _MINUTE_S / per_minute)


def under(per_minute: float, before: float, full_at: float, at: float) -> float:
    """When it is full under another limit than the one before: what was spent stays spent."""
    return charged(per_minute, at, at, before - level(before, full_at, at))
