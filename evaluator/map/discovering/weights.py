"""How much each query counts: users are what a share is about, and no one of them makes the map."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

LARGEST_PART: Final = 0.05
"""No subject weighs more than this part of all; where there are few, twice an even part."""
_STEPS: Final = 200


def capped_weights(subjects: Sequence[str | None]) -> list[float]:
    """One weight in (0, 1] a query, by the subject of each; None is a subject that never comes back.

    With n_s queries of subject s and S subjects, each of them weighs min(1, c/n_s), where c is the largest number with
    c <= p * sum_s min(n_s, c) and p = max(`LARGEST_PART`, 2/S). Assumes that a subject's repeats were left out.

    >>> capped_weights(["a", "a", None])
    [1.0, 1.0, 1.0]
    """
    counts = Counter(s if s is not None else at for at, s in enumerate(subjects))
    cap = _cap(list(counts.values()))
    return [min(1.0, cap / counts[s if s is not None else at]) for at, s in enumerate(subjects)]


def _cap(counts: Sequence[int]) -> float:
    if not counts:
        return 1.0
    part = max(LARGEST_PART, 2 / len(counts))
    cap = float(max(counts))
    for _ in range(_STEPS):
        lower = min(cap, part * sum(min(n, cap) for n in counts))
        if cap - lower < 1e-9:
            break
        cap = lower
    return cap
