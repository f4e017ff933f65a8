"""Fits scores to features: a logistic regression that capabilities share as far as their answers let them. Seeded.

Every capability has a weight of its own for each feature, beside the one for all ("frustratingly easy domain
adaptation", Daume III 2007): with few answers a capability leans on the others, with many on its own. Scores between 0
and 1 count as that fraction of a good and the rest of a bad answer, so that predictions are means, not verdicts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

Floats = NDArray[np.float64]

STRENGTH: Final = 1.0
"""Inverse of the ridge on standardised features."""
OWN: Final = 0.7
"""How far a capability's own weights may move beside the common ones: 0 would be one model for all."""
FOLDS: Final = 5
_LEAST_SPREAD: Final = 1e-6


class Fit(NamedTuple):
    """Weights for standardised features: `weights` is (capabilities, features), `intercepts` (capabilities,)."""

    mean: Floats
    scale: Floats
    weights: Floats
    intercepts: Floats

    def predict(self, rows: Floats, capability: Sequence[int] | NDArray[np.int64]) -> Floats:
        """The expected score of each row (n, features), of the capability with this number."""
        own = np.asarray(capability, dtype=np.int64)
        z = ((rows - self.mean) / self.scale * self.weights[own]).sum(axis=1) + self.intercepts[own]
        found: Floats = 1.0 / (1.0 + np.exp(-np.clip(z, -30.0, 30.0)))
        return found


def fit(
    rows: Floats,
    scores: Floats,
    capability: NDArray[np.int64],
    capabilities: int,
    counts: Floats | None = None,
) -> Fit:
    """Fit (n, features) to scores in [0, 1]; `capability` numbers each row's from 0 to `capabilities` - 1.

    A row counts as many times as `counts` says, once where None.
    """
    counts = np.ones(len(rows)) if counts is None else counts
    mean, scale = rows.mean(axis=0), rows.std(axis=0)
    scale = np.where(scale > _LEAST_SPREAD, scale, 1.0)
    z = (rows - mean) / scale
    width = z.shape[1] + 1
    wide = np.zeros((len(z), width * (capabilities + 1)))
    with_one = np.hstack([z, np.ones((len(z), 1))])
    wide[:, :width] = with_one
    for number in range(capabilities):
        here = capability == number
        wide[here, width * (number + 1) : width * (number + 2)] = OWN * with_one[here]
    # One row twice: as good with the weight of its score, as bad with that of the rest.
    both, good = np.vstack([wide, wide]), np.repeat([1, 0], len(wide))
    weight = np.concatenate([scores * counts, (1.0 - scores) * counts])
    kept = weight > 0.0
    model = LogisticRegression(C=STRENGTH, max_iter=2000)
    if len(set(good[kept].tolist())) < 2:
        level = float(np.clip(np.average(scores, weights=counts), 0.02, 0.98)) if counts.any() else 0.5
        nothing = np.zeros((capabilities, width - 1))
        return Fit(mean, scale, nothing, np.full(capabilities, np.log(level / (1.0 - level))))
    model.fit(both[kept], good[kept], sample_weight=weight[kept])
    found = model.coef_[0].reshape(capabilities + 1, width)
    effective = found[0] + OWN * found[1:]
    return Fit(mean, scale, effective[:, :-1], effective[:, -1] + float(model.intercept_[0]))


def cross_fitted(
    rows: Floats,
    scores: Floats,
    capability: NDArray[np.int64],
    capabilities: int,
    groups: Sequence[str],
    counts: Floats | None = None,
) -> Floats:
    """Each row's prediction by a fit that saw nothing of its group: what the fit is worth on prompts it never saw.

    Groups are dealt to folds by their order of first appearance, so that the same answers give the same folds.
    """
    order = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    fold = np.array([order[group] % FOLDS for group in groups])
    counts = np.ones(len(rows)) if counts is None else counts
    found = np.full(len(rows), np.nan)
    for number in range(FOLDS):
        out = fold == number
        if out.any():
            learnt = fit(rows[~out], scores[~out], capability[~out], capabilities, counts[~out])
            found[out] = learnt.predict(rows[out], capability[out])
    return found
