"""Which examples of a step share a pass: those of like length, so that little of it is padding. Pure.

Replayed answers are several times as long as the target's: filled up to the longest of them, most of a step would be
padding, which costs as much as words do.
"""

from __future__ import annotations

from collections.abc import Sequence


def grouped(lengths: Sequence[int], fixed: int) -> list[list[int]]:
    """The places of `lengths` in groups, shortest first, that cost least; within a group in their own order.

    A group costs its longest length times its size, and `fixed` more, all in tokens. Some best grouping is one of
    neighbours in the order of length (exchange two that are not: no group gets longer), so that looking at every
    last group suffices: O(n^2) for n lengths.
    """
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    best: list[tuple[int, int]] = [(0, 0)]  # of the first n: the least cost, and where its last group begins
    for end in range(1, len(order) + 1):
        longest = lengths[order[end - 1]]
        costs = [(best[start][0] + longest * (end - start) + fixed, start) for start in range(end)]
        best.append(min(costs))
    groups: list[list[int]] = []
    end = len(order)
    while end > 0:
        start = best[end][1]
        groups.append(sorted(order[start:end]))
        end = start
    return groups[::-1]
