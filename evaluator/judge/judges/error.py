"""A judge that errs: what its mistakes do to thresholds and margins.

With sensitivity s = P(judged good | good) and specificity c = P(judged bad | bad), a judged mean is
(1 - c) + J*p with J = s + c - 1. A true gap is seen J times as large, shifted by what the judge does
differently to the two arms: b(p) = (1 - p)*(c_B - c_A) + p*(s_A - s_B), largest at p = 0 or p = 1.
Rollback tests the judged gap against J_hi*delta + b_hi and promotion against J_lo*margin - b_hi
(Rogan and Gladen 1978), with Clopper-Pearson bounds on every rate, so that the test's guarantee survives the
judge's mistakes with the confidence of the calibration.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from scipy.stats import beta

from telemetry.errors import UsageError
from telemetry.events import Arm


class Gold(NamedTuple):
    """One answer whose quality is known, and what the judge said. `arm` is None where it does not matter."""

    good: bool
    judged_good: bool
    arm: Arm | None = None


class Interval(NamedTuple):
    """A rate with its confidence bounds."""

    low: float
    estimate: float
    high: float


@dataclass(frozen=True, slots=True)
class JudgeError:
    """What a calibration set says of a judge. `shift` is b_hi, the most that it may favour control's arm."""

    sensitivity: Interval
    specificity: Interval
    shift: float
    labels: int

    @property
    def power(self) -> Interval:
        """J = sensitivity + specificity - 1 with its bounds; 1 for a judge that never errs, 0 for a coin."""
        s, c = self.sensitivity, self.specificity
        return Interval(s.low + c.low - 1.0, s.estimate + c.estimate - 1.0, s.high + c.high - 1.0)

    def rollback_threshold(self, delta: float) -> float:
        """The drop in judged score that still goes with a true drop of at most `delta`."""
        return min(max(self.power.high, 0.0) * delta + self.shift, 0.99)

    def promotion_margin(self, margin: float) -> float:
        """The drop in judged score that a true drop of `margin` shows at least.

        Raises UsageError where the judge cannot tell such a drop from none.
        """
        seen = self.power.low * margin - self.shift
        if seen <= 0.0:
            raise UsageError(
                f"the judge cannot prove a margin of {margin}: J is at least {self.power.low:.3f} only and it may "
                f"favour an arm by {self.shift:.3f} ({self.labels} gold labels)",
                hint="Label more gold answers, improve the judge, or allow a larger margin.",
            )
        return seen


def calibrate(gold: Iterable[Gold], confidence: float = 0.95, *, same_for_both_arms: bool) -> JudgeError:
    """Measure a judge on known answers.

    `same_for_both_arms` states that the judge cannot know or sense the arm (exact match, a parser): then b is 0.
    Otherwise each arm is calibrated on its own gold answers. Bounds hold together with `confidence`
    (Bonferroni over the rates that are used). Raises UsageError where good or bad answers are missing.
    """
    labels = list(gold)
    groups: list[Arm | None] = [None] if same_for_both_arms else ["control", "candidate"]
    level = 1.0 - (1.0 - confidence) / (2.0 * len(groups))
    rates: list[tuple[Interval, Interval]] = []
    for arm in groups:
        own = [g for g in labels if arm is None or g.arm == arm]
        good = [g.judged_good for g in own if g.good]
        bad = [not g.judged_good for g in own if not g.good]
        if not good or not bad:
            whose = f" of arm {arm}" if arm else ""
            raise UsageError(
                f"calibration needs good and bad answers{whose}; it has {len(good)} good and {len(bad)} bad",
                hint="Label both known good and known bad outputs.",
            )
        rates.append((_clopper_pearson(good, level), _clopper_pearson(bad, level)))
    return JudgeError(
        sensitivity=_widest([s for s, _ in rates]),
        specificity=_widest([c for _, c in rates]),
        shift=0.0 if same_for_both_arms else _largest_shift(*rates),
        labels=len(labels),
    )


def _largest_shift(control: tuple[Interval, Interval], candidate: tuple[Interval, Interval]) -> float:
    (s_a, c_a), (s_b, c_b) = control, candidate
    return max(c_b.high - c_a.low, s_a.high - s_b.low, 0.0)


def _widest(intervals: list[Interval]) -> Interval:
    return Interval(
        min(i.low for i in intervals),
        sum(i.estimate for i in intervals) / len(intervals),
        max(i.high for i in intervals),
    )


def _clopper_pearson(outcomes: list[bool], level: float) -> Interval:
    """The exact two-sided interval of a rate (Clopper and Pearson 1934)."""
    n, k = len(outcomes), sum(outcomes)
    tail = (1.0 - level) / 2.0
    low = float(beta.ppf(tail, k, n - k + 1)) if k else 0.0
    high = float(beta.ppf(1.0 - tail, k + 1, n - k)) if k < n else 1.0
    return Interval(low, k / n, high)
