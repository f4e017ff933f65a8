"""Which replica of an arm a request goes to: a consistent hash with bounded loads. Pure.

A subject keeps its replica, where the beginning of its prompts is already in the engine's prefix cache, as long as that
one is not busier than the others. The order in which a subject prefers replicas is weighted rendezvous hashing (each
draws an exponential time with its weight as rate, the earliest wins): a replica has the part of all subjects that its
weight is of the sum, and one that joins or leaves moves no subject between two others. The bound is that of Mirrokni,
Thorup and Zadimoghaddam, "Consistent Hashing with Bounded Loads" (2016): no replica has more than
ceil(c * m * weight / sum of weights) of m requests in flight; who would exceed it goes to the next one in the order.
Since those bounds add up to m at least, there is always one with room.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, log
from typing import Final

_64: Final = (1 << 64) - 1


def preferred(
    lot: int, keys: Sequence[int], loads: Sequence[int], weights: Sequence[float], bound: float
) -> int:
    """The index of the replica for the subject with this hash, at least one weight being above 0.

    `keys` are hashes of the replicas' names, `loads` their requests in flight without this one; a weight of 0 is one
    that is not to be asked, 1 one like all others. `bound` is c, 1 or more. Raises ValueError where all weights are 0.

    >>> preferred(7, [11, 12, 13], [0, 0, 0], [1.0, 1.0, 1.0], 1.25)
    0
    >>> preferred(7, [11, 12, 13], [2, 0, 0], [1.0, 1.0, 1.0], 1.25)  # which would have 3, where the mean is 1
    1
    """
    total, whole = 1, 0.0
    for load, weight in zip(loads, weights, strict=True):
        if weight > 0.0:
            total += load
            whole += weight
    each = bound * total / whole if whole else 0.0
    # A whole number is below ceil(x) exactly where it is below x.
    return _earliest(lot, keys, weights, loads, each)


def least_loaded(lot: int, keys: Sequence[int], loads: Sequence[int], weights: Sequence[float]) -> int:
    """The index of the replica that is least busy for its weight; among equals the hash decides. Raises as above."""
    busy = [(load + 1) / w if w > 0.0 else 0.0 for load, w in zip(loads, weights, strict=True)]
    least = min((found for found in busy if found > 0.0), default=0.0)
    return _earliest(lot, keys, weights, [0.0 if found <= least else inf for found in busy], inf)


def _earliest(
    lot: int, keys: Sequence[int], weights: Sequence[float], loads: Sequence[float], each: float
) -> int:
    """The first in the subject's order whose load is below `each` for its weight."""
    best, earliest = -1, inf
    for index, weight in enumerate(weights):
        if weight > 0.0 and loads[index] < each * weight:
            at = -log(_unit(lot ^ keys[index])) / weight
            if at < earliest:
                best, earliest = index, at
    if best < 0:
        raise ValueError(f"no replica may be asked: weights {list(weights)}")
    return best


def _unit(number: int) -> float:
    """A number in (0, 1) that looks as if it were drawn: the finalizer of splitmix64, 53 bits of it."""
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & _64
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & _64
    return (((number ^ (number >> 31)) >> 11) + 0.5) * 2.0**-53
