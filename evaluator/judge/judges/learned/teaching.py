"""From an audit's answers to a judge that needs no reference: lessons, a fit, and what it is worth.

Lessons are answers with a verified score and base's answer to the same prompt: base's own, the candidate's, those of
other audits on the same base, and damaged ones. What the fit is worth is measured on folds by prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from evaluator.briefs.brief import LoadedBrief
from evaluator.judge.judges.betting import lower_bound
from evaluator.judge.judges.calibration import calibrate_pairs
from evaluator.judge.judges.learned.asking import all_of
from evaluator.judge.judges.learned.features import NAMES, Embed, certain, features, likelihood_features
from evaluator.judge.judges.learned.fitting import Floats, cross_fitted, fit
from evaluator.judge.judges.learned.lessons import Lesson, Pair, Verify, lessons_of
from evaluator.judge.judges.learned.model import (
    INFORMED_NAMES,
    ArmWorth,
    LearnedCapability,
    LearnedModel,
    Rate,
    Weighed,
    Worth,
)
from evaluator.judge.judges.likelihood import Telling
from telemetry.errors import UsageError
from telemetry.events import ModelRef

FEWEST: Final = 20
"""Pairs of a capability; with fewer nothing is learnt of it."""
GOOD_ABOVE: Final = 0.5
DAMAGE_COUNTS: Final = 0.05
"""A damaged answer is worth a twentieth of one that a model gave: enough to teach what no model here did. Worth as much
as those, it made mild candidates look bad; worth nothing, a bad one passed for good after a mild one's audit."""
UNTOLD: Final = 0.05
"""Of the answers to learn from, those of which base's engine may not tell; empty ones are among them."""
_ALPHA: Final = 0.05


def teach(
    loaded: LoadedBrief,
    pairs: Sequence[Pair],
    *,
    others: Sequence[Pair] = (),
    verify: Verify,
    embed: Embed,
    encoder: str,
    refs: tuple[ModelRef, ModelRef],
    likelihoods: Telling | None = None,
) -> LearnedModel:
    """Learn from the audit's `pairs`, from `others` of other candidates on the same base, and from damaged answers.

    With `likelihoods` base's engine is asked about all of them, and where that predicts better on prompts that the fit
    had not seen, the judge has a second set of weights for pairs about which it is asked. Capabilities with fewer than
    `FEWEST` pairs are left out; UsageError where none is left.
    """
    counts = {c.name: sum(p.capability == c.name for p in pairs) for c in loaded.brief.capabilities}
    names = [name for name, n in counts.items() if n >= FEWEST]
    if not names:
        raise UsageError(f"no capability has {FEWEST} answered pairs: {counts}")
    lessons = [one for one in lessons_of(loaded, pairs, others, verify) if one.capability in names]
    sheet = _sheet(loaded, lessons, names, embed)
    plain, unseen = _weighed(sheet, names, NAMES)
    return LearnedModel(
        **plain.model_dump(),
        encoder=encoder,
        brief_sha256=loaded.sha256,
        base=refs[0],
        candidate=refs[1],
        informed=None if likelihoods is None else _informed(sheet, names, unseen, likelihoods),
    )


class _Sheet(NamedTuple):
    """Lessons, capability by capability; their features; between which scores each lies (`features.certain`)."""

    lessons: list[Lesson]
    rows: Floats
    low: Floats
    width: Floats


def _informed(sheet: _Sheet, names: Sequence[str], plain: Floats, likelihoods: Telling) -> Weighed | None:
    """The weights with base's likelihoods among the features; None where they do not predict better than without.

    `plain` are the predictions without, on prompts that their fit had not seen. Better is a smaller squared error over
    the answers that models gave, of which base's engine told. An answer of which it does not tell teaches nothing
    here; where that is more than `UNTOLD` of them, nothing is learnt.
    """
    told = all_of([one.case for one in sheet.lessons], likelihoods)
    known = [at for at, both in enumerate(told) if both is not None]
    if len(known) < (1.0 - UNTOLD) * len(told):
        return None
    kept = [sheet.lessons[at] for at in known]
    wide = np.hstack([sheet.rows[known], likelihood_features([both for both in told if both is not None])])
    found, unseen = _weighed(_Sheet(kept, wide, sheet.low[known], sheet.width[known]), names, INFORMED_NAMES)
    given = [at for at, one in enumerate(kept) if one.source != "damage"]
    scores = np.array([one.score for one in kept])[given]
    with_them, without = unseen[given] - scores, plain[known][given] - scores
    return found if float((with_them**2).mean()) < float((without**2).mean()) else None


def _weighed(sheet: _Sheet, names: Sequence[str], features_named: tuple[str, ...]) -> tuple[Weighed, Floats]:
    """Weights, and each lesson's prediction by a fit that had not seen its prompt.

    What is learnt is where between the bounds that are certain a score lies; the wider they are, the more it counts.
    """
    lessons, rows, low, width = sheet
    scores = np.array([one.score for one in lessons])
    number = np.array([names.index(one.capability) for one in lessons])
    times = np.array([DAMAGE_COUNTS if one.source == "damage" else 1.0 for one in lessons])
    part = np.clip((scores - low) / np.where(width > 0.0, width, 1.0), 0.0, 1.0)
    times = times * width
    inside = cross_fitted(rows, part, number, len(names), [one.group for one in lessons], times)
    unseen = low + width * inside
    whole = fit(rows, part, number, len(names), times)
    found = Weighed(
        names=features_named,
        mean=tuple(map(float, whole.mean)),
        scale=tuple(map(float, whole.scale)),
        capabilities=tuple(
            LearnedCapability(
                name=name,
                weights=tuple(map(float, whole.weights[at])),
                intercept=float(whole.intercepts[at]),
                lessons=int((number == at).sum()),
                worth=_worth(lessons, scores, unseen, name),
            )
            for at, name in enumerate(names)
        ),
    )
    return found, unseen


def _sheet(loaded: LoadedBrief, lessons: Sequence[Lesson], names: Sequence[str], embed: Embed) -> _Sheet:
    """The lessons in the order of their capabilities, with what is known of their answers."""
    kinds = {c.name: (c.judge.verifier, c.judge.options) for c in loaded.brief.capabilities}
    rows: list[NDArray[np.float64]] = []
    sure: list[tuple[Floats, Floats]] = []
    ordered: list[Lesson] = []
    for name in names:
        own = [one for one in lessons if one.capability == name]
        cases = [one.case for one in own]
        rows.append(features(cases, embed, *kinds[name]))
        sure.append(certain(cases, *kinds[name]))
        ordered += own
    low, width = (np.concatenate(part) for part in zip(*sure, strict=True))
    return _Sheet(ordered, np.vstack(rows), low, width)


def _worth(lessons: Sequence[Lesson], scores: Floats, unseen: Floats, capability: str) -> Worth:
    own = [at for at, one in enumerate(lessons) if one.capability == capability]
    arms = {
        source: {lessons[at].pair: at for at in own if lessons[at].source == source}
        for source in ("control", "candidate")
    }
    both = sorted(arms["control"])
    judged = [float(unseen[arms["control"][p]] - unseen[arms["candidate"][p]]) for p in both]
    true = [float(scores[arms["control"][p]] - scores[arms["candidate"][p]]) for p in both]
    found = calibrate_pairs(judged, true)
    at = [*arms["control"].values(), *arms["candidate"].values()]
    good = scores[at] > GOOD_ABOVE
    mixed = bool(good.any()) and not bool(good.all())
    return Worth(
        control=_arm(scores, unseen, list(arms["control"].values())),
        candidate=_arm(scores, unseen, list(arms["candidate"].values())),
        auc=float(roc_auc_score(good, unseen[at])) if mixed else None,
        shift_high=found.shift_high,
        hidden_high=found.hidden_high,
        labels=found.labels,
    )


def _arm(scores: Floats, unseen: Floats, at: Sequence[int]) -> ArmWorth:
    good = [float(unseen[n]) for n in at if scores[n] > GOOD_ABOVE]
    bad = [float(unseen[n]) for n in at if scores[n] <= GOOD_ABOVE]
    return ArmWorth(
        of_good=_rate(good),
        of_bad=_rate(bad),
        predicted=float(np.mean(unseen[list(at)])) if at else None,
        true=float(np.mean(scores[list(at)])) if at else None,
    )


def _rate(values: Sequence[float]) -> Rate:
    """The mean of scores in [0, 1] with bounds by betting, each with half of what is left of 95%."""
    if not values:
        return Rate(n=0, low=None, estimate=None, high=None)
    low = lower_bound(values, _ALPHA / 2, 0.0, 1.0)
    high = 1.0 - lower_bound([1.0 - value for value in values], _ALPHA / 2, 0.0, 1.0)
    return Rate(n=len(values), low=low, estimate=float(np.mean(values)), high=high)
