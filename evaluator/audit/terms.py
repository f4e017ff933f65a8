"""The terms of an audit, fixed before a candidate is asked anything: what fails, what passes, what has no say. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evaluator.audit.baseline import Baseline
from evaluator.audit.measures.items_measure import ITEMS
from evaluator.audit.measures.measure import Measure
from evaluator.audit.state import Watched
from evaluator.briefs.brief import LoadedBrief
from evaluator.judge.judges.suite import JudgeFinding
from telemetry.errors import UsageError


@dataclass(frozen=True)
class Thresholds:
    """A threshold as the judge's errors move it; `unable` says why it cannot be tested, `no_pass` why not passed."""

    fail_beyond: float
    pass_within: float | None
    unable: str | None = None
    no_pass: str | None = None


def thresholds_of(threshold: float, judge: JudgeFinding | None) -> Thresholds:
    """Where `fail` and `pass` are tested. Both at the threshold where nothing is known of the judge's errors."""
    if judge is None:
        return Thresholds(threshold, threshold)
    if not judge.tells_apart:
        return Thresholds(
            threshold,
            None,
            unable=f"its judge does not tell the good from the bad among {judge.n} known answers",
        )
    fail_beyond = judge.error.rollback_threshold(threshold)
    try:
        return Thresholds(fail_beyond, judge.error.promotion_margin(threshold))
    except UsageError as error:
        return Thresholds(fail_beyond, None, no_pass=error.message)


def terms_of(
    loaded: LoadedBrief,
    measures: Sequence[Measure],
    baseline: Baseline,
    judges: Mapping[str, JudgeFinding],
) -> tuple[Watched, ...]:
    """Every measure with its terms. A capability's judge stands behind the brief's items; benchmarks have their own."""
    target = loaded.brief.target.name
    found = []
    for measure in measures:
        known = baseline.measure(measure.capability, measure.name)
        moved = thresholds_of(
            measure.threshold, judges.get(measure.capability) if measure.name == ITEMS else None
        )
        found.append(
            Watched(
                measure=measure,
                fail_beyond=moved.fail_beyond,
                pass_within=moved.pass_within,
                unable=moved.unable,
                not_measured=known.not_measured,
                no_pass=moved.no_pass,
                floor=known.at_floor,
                floor_open=not known.recorded,
                for_gain=measure.capability == target,
            )
        )
    return tuple(found)
