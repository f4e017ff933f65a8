"""How sure a stage may be, learnt from prompts that it was not taught: its exemplars, held out in three ways.

A fifth of each capability's at random is traffic like the exemplars. A whole kind of them (a cluster) is traffic
worded otherwise: cross-validation at random promised .63 right where prompts from other sources gave .30. A capability
left out altogether is traffic that no capability covers, and so are general prompts whose topic was left out. No
out-of-scope traffic is needed, and none was looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from evaluator.judge.tagging.stage import OUTSIDE, Certainty, Floats, Known, Labels, Rows

FOLDS: Final = 5
UNCOVERED: Final = 0.2
"""The part of the traffic that is taken to be of no capability, as long as nobody measured it."""
WORDED_OTHERWISE: Final = (0.2, 0.9)
"""The part of the covered traffic that is taken to be of kinds which no exemplar shows, least and most."""
PATTERN: Final = 0.75
"""Exemplars with a cosine of this or more are one pattern with other words filled in."""

Mask = NDArray[np.bool_]


class Split(NamedTuple):
    """What is learnt from and what is asked, and what each weighs (0 for those that are not asked).

    `otherwise` says that whole kinds of exemplars were held out.
    """

    taught: Mask
    asked: Mask
    weights: Floats
    otherwise: bool = False


class HeldOut(NamedTuple):
    """Prompts that were held out: the likeliest capability, its signals, whether it was theirs, whether any was.

    `weights` are parts of the traffic; `otherwise` says that the whole kind was held out.
    """

    best: Labels
    signals: Floats
    right: Mask
    covered: Mask
    weights: Floats
    otherwise: Mask

    @property
    def worded_otherwise(self) -> Floats:
        """The weights, as they were if all covered prompts were of kinds that no exemplar shows."""
        part = float(self.weights[self.covered & self.otherwise].sum())
        whole = float(self.weights[self.covered].sum())
        if not part:
            return self.weights
        return np.where(
            self.covered, np.where(self.otherwise, self.weights * whole / part, 0.0), self.weights
        )


def held_out(rows: Rows, labels: Labels, capabilities: int, ways: Sequence[Split]) -> HeldOut:
    """What a stage says of prompts that it was not taught, one way of holding out after another.

    `rows` are unit vectors of exemplars and general prompts; `labels` numbers of capabilities or `OUTSIDE`.
    """
    found: list[HeldOut] = []
    for split in ways:
        known = Known.fit(rows[split.taught], labels[split.taught], capabilities)
        looked = known.look(rows[split.asked])
        whose = labels[split.asked]
        covered = np.isin(whose, labels[split.taught]) & (whose != OUTSIDE)
        right = covered & (looked.best == whose)
        otherwise = np.full(len(whose), split.otherwise)
        found.append(
            HeldOut(looked.best, looked.signals, right, covered, split.weights[split.asked], otherwise)
        )
    return HeldOut(
        np.concatenate([one.best for one in found]),
        np.concatenate([one.signals for one in found]),
        np.concatenate([one.right for one in found]),
        np.concatenate([one.covered for one in found]),
        np.concatenate([one.weights for one in found]),
        np.concatenate([one.otherwise for one in found]),
    )


def fit_certainty(held: HeldOut) -> Certainty:
    """How sure one may be of a stage, by what it said of prompts that were held out."""
    return Certainty.fit(held.signals, held.right, held.weights)


def patterned(rows: Rows, labels: Labels) -> float:
    """The part of the exemplars that have a twin in their capability: those say little of how others word it."""
    inside = np.flatnonzero(labels != OUTSIDE)
    cosines = rows[inside] @ rows[inside].T
    np.fill_diagonal(cosines, -1.0)
    same = labels[inside][:, None] == labels[inside][None, :]
    return float((np.where(same, cosines, -1.0).max(axis=1) >= PATTERN).mean())


def splits(rows: Rows, labels: Labels, topics: Labels, capabilities: int, seed: int) -> Iterator[Split]:
    """The ways to hold out. Nothing is asked that is taught, and two classes at least are always taught.

    `topics` is the topic of a general prompt, by number, and whatever else of an exemplar.
    """
    draw = np.random.default_rng(seed)
    inside = labels != OUTSIDE
    at_random, by_kind = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.int64)
    for label in range(capabilities):
        mine = np.flatnonzero(labels == label)
        at_random[draw.permutation(mine)] = np.arange(len(mine)) % FOLDS
        by_kind[mine] = _kinds(rows[mine], seed)
    topic_fold = draw.permutation(int(topics.max(initial=0)) + 1)[topics] % FOLDS
    covered = 1.0 - UNCOVERED
    otherwise = float(np.clip(patterned(rows, labels), *WORDED_OTHERWISE))
    # Topics of general prompts leave together with a fifth of the exemplars: one fit serves both.
    at_random = np.where(inside, at_random, topic_fold)
    weights = np.where(
        inside,
        covered * (1.0 - otherwise) / inside.sum(),
        UNCOVERED / 2.0 / max(int((~inside).sum()), 1),
    )
    yield from _folds(labels, np.ones_like(inside), at_random, weights)
    kinds = np.full(len(rows), covered * otherwise / inside.sum())
    yield from _folds(labels, inside, by_kind, kinds, otherwise=True)
    if capabilities > 2:
        left_out = draw.permutation(capabilities) % min(FOLDS, capabilities)
        by_capability = np.where(inside, left_out[labels], -1)
        yield from _folds(labels, inside, by_capability, np.full(len(rows), UNCOVERED / 2.0 / inside.sum()))


def _folds(
    labels: Labels, among: Mask, fold: Labels, weights: Floats, *, otherwise: bool = False
) -> Iterator[Split]:
    for number in sorted(set(fold[among].tolist())):
        out = among & (fold == number)
        if len(set(labels[~out].tolist())) > 1:
            yield Split(~out, out, np.where(out, weights, 0.0), otherwise)


def _kinds(rows: Rows, seed: int) -> Labels:
    groups = min(FOLDS, len(rows))
    if groups < 2:
        return np.zeros(len(rows), np.int64)
    found = KMeans(groups, n_init=2, random_state=seed).fit(rows).labels_
    return np.asarray(found, np.int64)
