"""People's grades in the evidence of one capability: prediction-powered, and late. Pure.

A person grades hours after the judge's score was bet on, and only a part of what was judged. So what people say is a
test of its own, which moves when a grade comes. With a graded pair (true gap y, judged gap f) it takes the m oldest
judged gaps f_1 ... f_m that it has not used, m at most `AHEAD`, of pairs that nobody will grade (`GRADABLE`), and
multiplies its wealth by

    prod_i (1 + lambda*(f_i - delta)) * (1 + lambda*(f + (y - f)*(m + 1) - delta))

which is one draw of the prediction-powered gap f + (y - f)*xi/rho for each of the m + 1 pairs, rho = 1/(m + 1)
(Csillag, Struchiner and Goedert, "Prediction-Powered E-Values", arXiv:2502.04294). With a = lambda*(E[f] -
delta) its expectation is at most (1 + a)^m * (1 - m*a) <= 1 where E[y] <= delta, whatever E[f] is: a judge that errs,
also differently for the arms, costs speed, never validity. lambda is set before, from the blocks that were settled,
and is at most .9/(2m + 1 + delta), so that no block ruins the test. Beside it runs the same with m = 0, which asks no
judge and is better where the judge is bad.

How few grades there are, and how late, costs evidence alone: without a grade nothing moves. What has to hold is that
whether a pair is graded does not depend on how it would be graded: it is drawn by a hash of its id, both answers are
shown blind, and it counts once both have a grade, so that an arm whose grades are missing is an arm without pairs.
Where an answer failed the pair has none, so that what people prove is about pairs that both arms answered. And what the
judge says of pairs has to be alike where people graded and where they did not, block by block.

What is known of the judge beforehand is refuted by betting tests over graded pairs (`Doubt`). From then on the judge
has no say.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from evaluator.judge.judges.betting import BETS, WEIGHTS
from evaluator.judge.judges.sampling import GRADABLE
from evaluator.watch.evidence.repeats import Repeats
from evaluator.watch.evidence.sequential import CAP, CEILING, GRID, PRIOR_SECOND_MOMENT, PSEUDO, DropProcess
from telemetry.events import CapabilityWatch, PeopleSay

AHEAD: Final = 4
"""Judged pairs taken in with a graded one, at most. Twice as many need more grades for a cliff, half as many for a drop
of 20 points (docs/statistics.md)."""
WAITING: Final = 256
"""Judged gaps that wait for a graded pair, the youngest ones."""
REFUTED: Final = 200.0
"""1/.005: what is known of a judge is wrongly held to be refuted in one capability of two hundred at most."""


class PoweredDrop:
    """One test of "the true gap is at most `delta`", with at most `ahead` judged gaps beside each graded one."""

    __slots__ = ("_ahead", "_drop", "_pairs", "_squares", "_waiting")

    def __init__(self, delta: float, ahead: int) -> None:
        self._drop = DropProcess(delta)
        self._ahead = ahead
        self._pairs = PSEUDO
        self._squares = PSEUDO * PRIOR_SECOND_MOMENT * (ahead + 1)
        self._waiting: deque[float] = deque(maxlen=WAITING)

    @property
    def e_value(self) -> float:
        """The evidence of a drop beyond delta."""
        return self._drop.e_value

    def judged(self, gap: float) -> None:
        """A judged gap that nobody will grade."""
        if self._ahead:
            self._waiting.append(gap)

    def graded(self, judged: float, gap: float) -> None:
        """Settle a graded pair with what waits."""
        ahead = min(self._ahead, len(self._waiting))
        beside = [self._waiting.popleft() for _ in range(ahead)]
        delta = self._drop.delta
        powered = judged + (gap - judged) * (ahead + 1)
        most = CAP / (2 * ahead + 1 + delta)
        second = self._squares / self._pairs
        factors = []
        for g in GRID:
            bet = min(g / (second + g * g), most)
            factor = 1.0 + bet * (powered - delta)
            for one in beside:
                factor *= 1.0 + bet * (one - delta)
            factors.append(factor)
        self._drop.multiply(factors)
        self._pairs += ahead + 1
        self._squares += powered * powered + sum(one * one for one in beside)

    def to_dict(self) -> dict[str, Any]:
        """Every number, for a snapshot."""
        return {
            "drop": self._drop.to_list(),
            "moments": [self._pairs, self._squares],
            "waiting": list(self._waiting),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what `to_dict` wrote."""
        self._drop.restore(state["drop"])
        self._pairs, self._squares = (float(x) for x in state["moments"])
        self._waiting.extend(float(gap) for gap in state["waiting"])


class Doubt:
    """What speaks against all that is known of a judge: E[f] <= power * E[y] + added for some power in [least, 1].

    Gold pairs tell what it adds to a gap, whatever that is (`least` 1); gold labels tell that it shrinks gaps, also
    those of a candidate that is better than base, and what it adds beside that. E[f] - power * E[y] is linear in
    power, so that where it is within `added` for one of them it is for the least or for 1: both have to be refuted.
    """

    __slots__ = ("_added", "_peaks", "_powers", "_wealth")

    def __init__(self, watch: CapabilityWatch, tolerated: float) -> None:
        least = watch.judge_power
        self._powers = (1.0,) if least >= 1.0 else (least, 1.0)
        self._added = max(watch.threshold - tolerated, 0.0) if least >= 1.0 else watch.judge_hides
        self._wealth = [list(WEIGHTS) for _ in self._powers]
        self._peaks = [1.0 for _ in self._powers]

    @property
    def peak(self) -> float:
        """The highest evidence so far against the power that has the least against it."""
        return min(self._peaks)

    def compare(self, judged: float, gap: float) -> None:
        """Take in a pair's judged gap and its true one."""
        for at, power in enumerate(self._powers):
            lowest = -1.0 - power  # both gaps lie in [-1, 1]
            won = (judged - power * gap - self._added) / (self._added - lowest)
            self._wealth[at] = [
                min(w * max(1.0 + bet * won, 0.0), CEILING)
                for w, bet in zip(self._wealth[at], BETS, strict=True)
            ]
            self._peaks[at] = max(self._peaks[at], sum(self._wealth[at]))

    def to_list(self) -> list[list[float]]:
        """Every number, for a snapshot."""
        return [[peak, *wealth] for peak, wealth in zip(self._peaks, self._wealth, strict=True)]

    def restore(self, state: Sequence[Sequence[float]]) -> None:
        """Take up what `to_list` wrote."""
        for at, (peak, *wealth) in enumerate(state):
            self._peaks[at], self._wealth[at] = float(peak), [float(w) for w in wealth]


class GradedFold:
    """What people's grades make of one capability. `askers` is the window in which one subject weighs only so much."""

    __slots__ = (
        "_added",
        "_compared",
        "_doubt",
        "_gap_sum",
        "_plain",
        "_powered",
        "askers",
        "pairs",
    )

    def __init__(self, watch: CapabilityWatch) -> None:
        tolerated = watch.threshold if watch.tolerated is None else watch.tolerated
        self._plain, self._powered = PoweredDrop(tolerated, 0), PoweredDrop(tolerated, AHEAD)
        self.askers = Repeats()
        self._doubt = Doubt(watch, tolerated)
        self.pairs = self._compared = 0
        self._gap_sum = self._added = 0.0

    @property
    def e_value(self) -> float:
        """The evidence of a drop beyond what is tolerated."""
        return (self._plain.e_value + self._powered.e_value) / 2.0

    @property
    def refuted(self) -> bool:
        """Whether the judge was ever seen to add more to a gap than is known of it."""
        return self._doubt.peak >= REFUTED

    def judged(self, lot: float, gap: float) -> None:
        """Take in a judged pair, `gap` = control - candidate, of an interaction with this lot (`sampling.lot`)."""
        if lot >= GRADABLE:
            self._powered.judged(gap)

    def graded(self, control: float, candidate: float, judged: float | None) -> None:
        """Settle a pair by the grades of both answers; `judged` is its judged gap, None where it has none."""
        gap = control - candidate
        self.pairs += 1
        self._gap_sum += gap
        self._plain.graded(gap, gap)
        if judged is None:
            return
        self._powered.graded(judged, gap)
        self._compared += 1
        self._added += judged - gap
        self._doubt.compare(judged, gap)

    def say(self) -> PeopleSay:
        """What is shown of it."""
        return PeopleSay(
            pairs=self.pairs,
            gap=self._gap_sum / self.pairs if self.pairs else None,
            judge_adds=self._added / self._compared if self._compared else None,
            e_value=self.e_value,
            judge_refuted=self.refuted,
        )

    def to_dict(self) -> dict[str, Any]:
        """Every number, for a snapshot."""
        return {
            "plain": self._plain.to_dict(),
            "powered": self._powered.to_dict(),
            "doubt": self._doubt.to_list(),
            "askers": self.askers.to_text(),
            "counts": [self.pairs, self._gap_sum, self._compared, self._added],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what `to_dict` wrote."""
        self._plain.restore(state["plain"])
        self._powered.restore(state["powered"])
        self._doubt.restore(state["doubt"])
        self.askers = Repeats.from_text(state["askers"])
        pairs, gaps, compared, added = state["counts"]
        self.pairs, self._gap_sum, self._compared, self._added = (
            int(pairs),
            float(gaps),
            int(compared),
            float(added),
        )


def wealth_of(folds: Sequence[GradedFold], part: float) -> float:
    """M of people's grades: each capability's evidence with an equal share of `part`."""
    return sum(fold.e_value for fold in folds) * part / len(folds) if folds else 0.0
