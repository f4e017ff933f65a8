"""One look at prompts, as unit vectors: which capability each is likeliest, and how likely that is right.

Two things say which: the mean cosine to the `NEIGHBOURS` nearest exemplars of a capability, and a linear head over
capabilities and general prompts. How sure one may be follows from signals of both by a logistic regression that was
fitted on prompts held out (`holding_out`), those of capabilities that were left out altogether among them. All is
numbers: a stage is stored as arrays, and gives the same tags wherever it is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_softmax
from sklearn.linear_model import LogisticRegression

NEIGHBOURS: Final = 3
SHARPNESS: Final = 12.0
"""What a cosine weighs beside a log-probability of the head."""
HEAD_STRENGTH: Final = 10.0
CERTAINTY_STRENGTH: Final = 0.1
"""Held-out exemplars of a few patterns are all too easy: strongly held, how sure it is stays on the careful side."""
LEAST_SPREAD: Final = 0.02
FURTHEST: Final = 10.0
"""Deviations from the usual likeness beyond which nothing is further."""
OUTSIDE: Final = -1
"""The label of general prompts."""
_LEAST: Final = 1e-6

Rows = NDArray[np.float32]
Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


class Looked(NamedTuple):
    """For each prompt its likeliest capability, by number, the signals of how sure that is, the head's "none"."""

    best: Labels
    signals: Floats
    none: Floats


class Judged(NamedTuple):
    """For each prompt its likeliest capability, by number, the probability that this is right, and the head's "none".

    A prompt of small `confidence` is like nothing that was taught; where `none` is large it is like general prompts.
    """

    best: Labels
    confidence: Floats
    none: Floats


@dataclass(frozen=True, slots=True)
class Head:
    """A linear map from rows to log-odds: capabilities in their order, then "none of them"."""

    weight: Rows
    bias: Rows

    @classmethod
    def fit(cls, rows: Rows, labels: Labels, capabilities: int) -> Head:
        """Logistic regression, every class the same weight; a class without rows is never likely."""
        model = LogisticRegression(C=HEAD_STRENGTH, class_weight="balanced", max_iter=500, tol=1e-3)
        model.fit(rows, labels)
        weight = np.zeros((capabilities + 1, rows.shape[1]), np.float32)
        bias = np.full(capabilities + 1, -50.0, np.float32)
        coefficients, intercepts = model.coef_, model.intercept_
        if len(model.classes_) == 2:
            # Two classes have one row, for the second of them.
            coefficients = np.vstack([-coefficients, coefficients]) / 2.0
            intercepts = np.hstack([-intercepts, intercepts]) / 2.0
        for at, label in enumerate(model.classes_):
            weight[label], bias[label] = coefficients[at], intercepts[at]  # -1 is the last one
        return cls(weight, bias)


@dataclass(frozen=True, slots=True)
class Known:
    """What a stage compares with: exemplars and general prompts as unit rows, and the head fitted on both.

    `usual` and `spread` say of each capability how like each other its own exemplars are: mean and deviation;
    `own` says it of each row, 0 for general prompts.
    """

    rows: Rows
    labels: Labels
    capabilities: int
    head: Head
    usual: Floats
    spread: Floats
    own: Floats

    @classmethod
    def fit(cls, rows: Rows, labels: Labels, capabilities: int) -> Known:
        """Learn from the rows; `labels` are numbers of capabilities or `OUTSIDE`."""
        own, usual, spread = np.zeros(len(rows)), np.zeros(capabilities), np.zeros(capabilities)
        for one in range(capabilities):
            mine = labels == one
            if mine.any():
                own[mine] = _own_likeness(rows[mine])
                usual[one], spread[one] = own[mine].mean(), own[mine].std()
        head = Head.fit(rows, labels, capabilities)
        return cls(rows, labels, capabilities, head, usual, spread + LEAST_SPREAD, own)

    def look(self, asked: Rows) -> Looked:
        """The likeliest capability of each row with its signals.

        They are its likeness, its log-odds by the head, its log-odds among capabilities by both, by how much the row
        is more like it than like general prompts, how usual its likeness is among the capability's own exemplars, and
        how much denser exemplars lie where the row is than the row itself (as the local outlier factor of Breunig et
        al. 2000 compares them, by differences).
        """
        cosines = asked @ self.rows.T
        alike = likeness(cosines, self.labels, self.capabilities)
        near, outside = alike[:, : self.capabilities], alike[:, self.capabilities]
        logits = asked @ self.head.weight.T + self.head.bias
        chances = log_softmax(logits.astype(np.float64), axis=1)
        among = log_softmax(chances[:, : self.capabilities] + SHARPNESS * near, axis=1)
        every = np.arange(len(asked))
        best = among.argmax(axis=1)
        signals = np.stack(
            [
                near[every, best],
                np.clip(_log_odds(chances[every, best]), -12.0, 12.0),
                np.clip(_log_odds(among[every, best]), -12.0, 12.0),
                near[every, best] - outside,
                np.clip((near[every, best] - self.usual[best]) / self.spread[best], -FURTHEST, FURTHEST),
                self._sparser(cosines),
            ],
            axis=1,
        )
        return Looked(best.astype(np.int64), signals, np.exp(chances[:, self.capabilities]))

    def _sparser(self, cosines: Rows) -> Floats:
        """Mean cosine to the nearest exemplars of any capability, less what is usual for those."""
        inside = np.flatnonzero(self.labels != OUTSIDE)
        mine = cosines[:, inside]
        most = min(NEIGHBOURS, len(inside))
        nearest = np.argpartition(mine, -most, axis=1)[:, -most:]
        near = np.take_along_axis(mine, nearest, axis=1).mean(axis=1)
        found: Floats = near.astype(np.float64) - self.own[inside][nearest].mean(axis=1)
        return found


@dataclass(frozen=True, slots=True)
class Certainty:
    """From signals to the probability that the likeliest capability is right: a logistic regression."""

    centre: Floats
    spread: Floats
    weight: Floats
    bias: float

    @classmethod
    def fit(cls, signals: Floats, right: NDArray[np.bool_], weights: Floats) -> Certainty:
        """Learn from held-out prompts; where all were right or none was, a constant."""
        centre, spread = signals.mean(axis=0), signals.std(axis=0) + _LEAST
        if right.all() or not right.any():
            return cls(centre, spread, np.zeros(signals.shape[1]), 3.0 if right.all() else -3.0)
        model: Any = LogisticRegression(C=CERTAINTY_STRENGTH)
        model.fit((signals - centre) / spread, right, sample_weight=weights / weights.mean())
        return cls(centre, spread, model.coef_[0], float(model.intercept_[0]))

    def __call__(self, signals: Floats) -> Floats:
        """One probability a row of signals."""
        found: Floats = expit((signals - self.centre) / self.spread @ self.weight + self.bias)
        return found


@dataclass(frozen=True, slots=True)
class Stage:
    """What is known, and how sure one may be of it."""

    known: Known
    certainty: Certainty

    def judge(self, asked: Rows) -> Judged:
        """The likeliest capability of each row with its probability; rows are unit vectors, or zero."""
        looked = self.known.look(asked)
        return Judged(looked.best, self.certainty(looked.signals), looked.none)


def likeness(cosines: Rows, labels: Labels, capabilities: int) -> Floats:
    """Mean cosine to the nearest rows of each capability and, last, of general prompts; -1 where there are none."""
    found = np.full((len(cosines), capabilities + 1), -1.0)
    for label in range(OUTSIDE, capabilities):
        mine = cosines[:, labels == label]
        if mine.shape[1]:
            most = min(NEIGHBOURS, mine.shape[1])
            found[:, label] = np.partition(mine, -most, axis=1)[:, -most:].mean(axis=1)
    return found


def _own_likeness(rows: Rows) -> Floats:
    """How like its others each exemplar of one capability is; 0 where it has none."""
    if len(rows) < 2:
        return np.zeros(len(rows))
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -1.0)
    most = min(NEIGHBOURS, len(rows) - 1)
    found: Floats = np.partition(cosines, -most, axis=1)[:, -most:].mean(axis=1).astype(np.float64)
    return found


def _log_odds(chances: Floats) -> Floats:
    found: Floats = chances - np.log(np.maximum(-np.expm1(chances), _LEAST))
    return found
