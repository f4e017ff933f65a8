"""Groups of prompts that are worded alike, as many as the data bear out. Seeded: the same prompts, the same groups."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score, silhouette_score
from threadpoolctl import threadpool_limits

from evaluator.map.discovering.wording import Vectors, vectors

FEWEST: Final = 20
"""Fewer different prompts than this are not grouped."""
TINY: Final = 0.015
"""A group of less weight than this, or of fewer than `_FEW` prompts, goes to the others."""
OTHER: Final = -1
_FEW: Final = 5
_SEARCHED: Final = 3_000
_COMPARED: Final = 1_500
_NEAR: Final = 0.95
_REPEATS: Final = 3
_SEED: Final = 20240613

Labels = NDArray[np.int64]


class Grouping(NamedTuple):
    """The group of each prompt, `OTHER` among them; groups are numbered by weight, the heaviest 0.

    `nearness` is each prompt's cosine with its group's centre. `silhouette` (-1 to 1) says how far the groups lie
    apart, `stability` (adjusted Rand index, 1 is best) how alike groups are that two halves of the prompts give.
    """

    labels: Labels
    nearness: NDArray[np.float64]
    groups: int
    silhouette: float
    stability: float


class _Tried(NamedTuple):
    groups: int
    silhouette: float
    stability: float

    @property
    def worth(self) -> float:
        return max(self.silhouette, 0.0) * max(self.stability, 0.0)


def grouped(prompts: Sequence[str], weights: Sequence[float], most: int, seed: int = _SEED) -> Grouping:
    """Group at least `FEWEST` different prompts into 2 to `most` groups by k-means on how they are worded.

    The number is the smallest whose silhouette times stability comes within 5% of the best: both rise with groups that
    are merely cut finer, while fewer are fewer for somebody to review. Weights are those of `weights.capped_weights`.
    """
    weight = np.asarray(weights, dtype=np.float64)
    # Sums over threads come in any order, and a last bit may move a prompt.
    with threadpool_limits(limits=1):
        rows = vectors(prompts, seed)
        known = np.flatnonzero(np.linalg.norm(rows, axis=1) > 0.0)
        chosen = _number(rows[known], weight[known], most, seed)
        found = _fit(rows[known], weight[known], chosen.groups, seed)
    labels = np.full(len(prompts), OTHER, dtype=np.int64)
    labels[known] = found.labels_
    labels = _numbered(_without_tiny(labels, weight), weight)
    return Grouping(
        labels, _nearness(rows, labels), int(labels.max()) + 1, chosen.silhouette, chosen.stability
    )


def _number(rows: Vectors, weight: NDArray[np.float64], most: int, seed: int) -> _Tried:
    draw = np.random.default_rng(seed)
    picked = draw.permutation(len(rows))[:_SEARCHED]
    rows, weight = rows[picked], weight[picked]
    largest = max(2, min(most, len(rows) // _FEW))
    tried = [_try(rows, weight, groups, seed) for groups in range(2, largest + 1)]
    best = max(one.worth for one in tried)
    return next(one for one in tried if one.worth >= _NEAR * best)


def _try(rows: Vectors, weight: NDArray[np.float64], groups: int, seed: int) -> _Tried:
    labels = _fit(rows, weight, groups, seed).labels_
    some = slice(0, _COMPARED)
    apart = (
        float(silhouette_score(rows[some], labels[some]))
        if 1 < len(set(labels[some])) < len(rows[some])
        else 0.0
    )
    draw, alike = np.random.default_rng([seed, groups]), []
    for _ in range(_REPEATS):
        order = draw.permutation(len(rows))
        halves = [_fit(rows[half], weight[half], groups, seed) for half in np.array_split(order, 2)]
        alike.append(adjusted_rand_score(*(half.predict(rows) for half in halves)))
    return _Tried(groups, apart, float(np.mean(alike)))


def _fit(rows: Vectors, weight: NDArray[np.float64], groups: int, seed: int) -> Any:
    with warnings.catch_warnings():
        # Fewer different rows than groups: the groups that are left empty are no groups.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return KMeans(min(groups, len(rows)), n_init=8, random_state=seed).fit(rows, sample_weight=weight)


def _without_tiny(labels: Labels, weight: NDArray[np.float64]) -> Labels:
    kept = labels.copy()
    for label in set(labels.tolist()) - {OTHER}:
        mine = labels == label
        if weight[mine].sum() < TINY * weight.sum() or mine.sum() < _FEW:
            kept[mine] = OTHER
    return kept


def _numbered(labels: Labels, weight: NDArray[np.float64]) -> Labels:
    names = sorted(set(labels.tolist()) - {OTHER}, key=lambda label: -float(weight[labels == label].sum()))
    found = np.full_like(labels, OTHER)
    for number, label in enumerate(names):
        found[labels == label] = number
    return found


def _nearness(rows: Vectors, labels: Labels) -> NDArray[np.float64]:
    near = np.zeros(len(rows))
    for label in set(labels.tolist()):
        mine = labels == label
        centre = rows[mine].mean(axis=0)
        near[mine] = rows[mine] @ centre / max(float(np.linalg.norm(centre)), 1e-12)
    return near
