"""What a subject's digest says by itself: the number by which it is assigned.

The router assigns by it and the evidence reads it again, so both take it from here.
"""

from __future__ import annotations

DIGITS = 16
"""Hex digits of a digest that its number is made of: 8 bytes."""


def unit_of(subject: str) -> float:
    """The digest's u in [0, 1): its first 8 bytes over 2^64. ValueError for what is no digest.

    Only the upper 53 bits are kept, which is what a float holds: rounding up to 1.0 would leave somebody
    out of a share of 1.
    """
    return (int(subject[:DIGITS], 16) >> 11) * 2.0**-53
