"""Audits replayed on recorded answers: the product's own asking, stopping and testing, without a model.

A cell is one set audited on its own for one planted drop and one seed. Ours asks both arms item by item until it is
certain; theirs has both full runs and the paired z-test. What a request is, is the same for both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log, sqrt

from scipy.stats import norm

from _audit.peer import Verdict, paired_z, usual_z, z_verdict
from _audit.planted import Plant, PlantedAnswers
from _audit.recorded import Recorded, RecordedAnswers, RecordedMeasure
from evaluator.audit.diff.settings import GateSettings
from evaluator.audit.sequential_audit import ask_until_certain
from evaluator.audit.state import Watched
from evaluator.watch.planning.limits import pair_information


@dataclass(frozen=True, slots=True)
class Cell:
    """One set, drop and seed: requests of ours, at the limit and of two full runs, and what each method says.

    `power` is that of the paired z-test on the whole set, from the plant and not from the draw: below `POWER` the
    drop is too near the threshold for either method, which is no place to compare verdicts.
    """

    name: str
    drop: float
    seed: int
    calls: int
    limit_calls: float
    full_calls: int
    ours: Verdict
    paired: Verdict
    usual: Verdict
    power: float


POWER = 0.9


def replay_cell(recorded: Recorded, plant: Plant, settings: GateSettings, *, baseline: bool = True) -> Cell:
    """Audit one set on its own, and judge the two full runs.

    With `baseline` the audit knows that base is above the floor, as the product does after `belay baseline`; without,
    it has to find that out from the answers.
    """
    base, behind = RecordedAnswers([recorded]), RecordedAnswers([recorded])
    measure = RecordedMeasure(recorded)
    watched = [Watched(measure, recorded.threshold, recorded.threshold, floor_open=not baseline)]
    found = ask_until_certain(watched, base, PlantedAnswers(behind, {recorded.name: plant}), settings)
    spoiled = [plant.changed(i, v) for i, v in zip(recorded.ids, recorded.values, strict=True)]
    alpha = settings.alpha_fail
    return Cell(
        name=recorded.name,
        drop=plant.drop,
        seed=plant.seed,
        calls=base.calls + behind.calls,
        limit_calls=2 * recorded.all_calls * limit(plant, recorded.threshold, len(recorded.ids), alpha),
        full_calls=2 * recorded.all_calls,
        ours=found[0].verdict,
        paired=z_verdict(paired_z(recorded.values, spoiled, recorded.threshold), alpha),
        usual=z_verdict(usual_z(recorded.values, spoiled, recorded.threshold), alpha),
        power=power(plant.drop, plant.churn, recorded.threshold, len(recorded.ids), alpha),
    )


def replay_together(
    recorded: Sequence[Recorded], plants: Sequence[Plant], settings: GateSettings
) -> tuple[int, tuple[Verdict, ...]]:
    """All sets in one audit, one error over all (Holm): requests, and the verdicts in the order of `recorded`."""
    base, behind = RecordedAnswers(recorded), RecordedAnswers(recorded)
    watched = [Watched(RecordedMeasure(r), r.threshold, r.threshold) for r in recorded]
    spoiling = PlantedAnswers(behind, {p.set_name: p for p in plants})
    found = ask_until_certain(watched, base, spoiling, settings)
    return base.calls + behind.calls, tuple(a.verdict for a in found)


def power(drop: float, churn: float, threshold: float, n: int, alpha: float) -> float:
    """Probability that the paired z-test on n items sees on which side of the threshold the drop lies."""
    spread = drop + 2.0 * churn - drop * drop
    if drop == threshold or spread == 0.0:
        return float(drop != threshold)
    return float(norm.cdf(abs(drop - threshold) / sqrt(spread / n) - norm.isf(alpha)))


def limit(plant: Plant, threshold: float, n: int, alpha: float) -> float:
    """The fraction of n items that any test of pairs needs on average to be certain at error `alpha`; at most 1.

    log(1/alpha) over the information of a pair (Wald 1947); a pass is a fail of the mirrored drop.
    """
    sign = 1.0 if plant.drop > threshold else -1.0
    information = pair_information(sign * plant.drop, plant.drop + 2 * plant.churn, sign * threshold)
    return min(log(1.0 / alpha) / information / n, 1.0) if information > 0.0 else 1.0


def saved(cells: Iterable[Cell]) -> float:
    """Requests of all full runs over requests of all audits."""
    every = list(cells)
    return sum(c.full_calls for c in every) / sum(c.calls for c in every)


def limit_saved(cells: Iterable[Cell]) -> float:
    """Requests of all full runs over those that the limit leaves."""
    every = list(cells)
    return sum(c.full_calls for c in every) / sum(c.limit_calls for c in every)


def agreement(cells: Iterable[Cell]) -> tuple[float, int, int]:
    """Fraction of the cells that can be compared with the paired z-test's verdict, opposite verdicts, their number."""
    compared = [c for c in cells if c.power >= POWER]
    same = sum(c.ours == c.paired for c in compared)
    opposite = sum({c.ours, c.paired} == {"pass", "fail"} for c in compared)
    return (same / len(compared) if compared else float("nan")), opposite, len(compared)


def counts(verdicts: Iterable[Verdict]) -> str:
    """`pass/fail/inconclusive` counts."""
    every = list(verdicts)
    return "/".join(str(every.count(v)) for v in ("pass", "fail", "inconclusive"))
