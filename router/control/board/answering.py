"""How each arm answers: failures, refusals, how long answers take; summed over the workers that count it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Final

from telemetry.buckets import SUM
from telemetry.events import Arm, ArmAnswers, Value

ARMS: Final[tuple[Arm, ...]] = ("control", "candidate")


class ArmTold(Value):
    """One arm's own answers since its workers began: how many came, failed, and were refusals.

    `typical_ms` and `slow_ms` are the median and the 95th percentile of whole answers that did not fail, to the
    nearest bucket; None where there are none.
    """

    arm: Arm
    answers: int
    failed: int
    refused: int
    typical_ms: float | None
    slow_ms: float | None


def arms(told: Iterable[ArmAnswers], rollout_id: str) -> tuple[ArmTold, ...]:
    """Both arms of a rollout, control first; empty where no worker has counted any answer of it."""
    own = [each for each in told if each.rollout_id == rollout_id]
    return tuple(_arm(arm, [each for each in own if each.arm == arm]) for arm in ARMS) if own else ()


def _arm(arm: Arm, told: list[ArmAnswers]) -> ArmTold:
    seconds: Counter[str] = Counter()
    for each in told:
        seconds.update(each.seconds)
    return ArmTold(
        arm=arm,
        answers=sum(each.answers for each in told),
        failed=sum(each.failed for each in told),
        refused=sum(each.refused for each in told),
        typical_ms=quantile_ms(seconds, 0.5),
        slow_ms=quantile_ms(seconds, 0.95),
    )


def quantile_ms(seconds: Mapping[str, int], part: float) -> float | None:
    """The quantile of what buckets hold (`telemetry.buckets`, in seconds), in ms, evenly spread within a bucket.

    What lies beyond the last bound counts as that bound.

    >>> quantile_ms({"0.1": 0, "0.2": 10, "+Inf": 0}, 0.5)
    150.0
    """
    bounds = sorted(float(name) for name in seconds if name not in (SUM, "+Inf"))
    counts = {float(name): n for name, n in seconds.items() if name != SUM}
    wanted = part * sum(counts.values())
    if wanted <= 0.0:
        return None
    for low, high in pairwise((0.0, *bounds)):
        if counts[high] >= wanted:
            return round(1000.0 * (low + (high - low) * wanted / counts[high]), 1)
        wanted -= counts[high]
    return 1000.0 * bounds[-1]
