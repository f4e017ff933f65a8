"""Token buckets: what is left of a budget per minute. Pure: whoever asks brings the time along.

What is spent before its price is known (the tokens of an answer) is charged afterwards, so that a level may go below
zero; nothing more is let in until it is back.
"""

from __future__ import annotations

from typing import Final, NamedTuple

_MINUTE_S: Final = 60.0


class Bucket(NamedTuple):
    """`level` of at most `per_minute` units at the time `at`, in seconds of any clock that does not go back.

    It fills by `per_minute` units a minute, so that no minute lets in more than twice that, nor any hour more than
    61 times that.
    """

    per_minute: int
    level: float
    at: float


def full(per_minute: int, at: float) -> Bucket:
    """A bucket that nothing has been taken from."""
    return Bucket(per_minute, float(per_minute), at)


def filled(bucket: Bucket, at: float) -> Bucket:
    """The bucket at this time."""
    per_minute, level, since = bucket
    if at <= since:
        return bucket
    level += (at - since) * per_minute / _MINUTE_S
    return Bucket(per_minute, level if level < per_minute else float(per_minute), at)


def taken(bucket: Bucket, units: float) -> Bucket:
    """The bucket after so much was taken from it, whether or not it was there."""
    return Bucket(bucket.per_minute, bucket.level - units, bucket.at)


def with_limit(bucket: Bucket, per_minute: int) -> Bucket:
    """The bucket under another limit: what was spent stays spent."""
    spent = bucket.per_minute - bucket.level
    return Bucket(per_minute, min(float(per_minute), per_minute - spent), bucket.at)


def seconds_until(bucket: Bucket, level: float) -> float:
    """How long it takes until this level is there, if nothing is taken meanwhile; 0 where it is."""
    return max(0.0, (level - bucket.level) * _MINUTE_S / bucket.per_minute)
