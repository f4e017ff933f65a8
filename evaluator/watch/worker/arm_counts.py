"""How many answers of each arm were scored and why the others were not, how many failed, and how long they took.

For the rollouts that traffic comes from.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Final, NamedTuple, get_args

from telemetry.buckets import Buckets
from telemetry.events import Arm, ArmAnswers, ScoreRecorded

SCORED: Final = "scored"
MOST: Final = 50
"""Rollouts counted at a time; the one that nothing came of for the longest goes first."""
QUIET_S: Final = 3600.0
"""After so long without an interaction a rollout's counts are gone: it has ended, or its routers have."""


BOUNDS_S: Final = tuple(float(f"{0.005 * 1.5**step:.3g}") for step in range(26))
"""Of how long answers take: from 5 ms to two minutes, close enough that a quantile is a fifth off at most."""


class ArmResult(NamedTuple):
    """So many answers of an arm ended in `result`: scored, or the code of why not."""

    rollout_id: str
    arm: Arm
    result: str
    answers: int


class OwnAnswers:
    """One arm's own answers: how many, how many of them failed or were refusals, and how long the others took."""

    __slots__ = ("answers", "failed", "refused", "seconds")

    def __init__(self) -> None:
        self.answers = self.failed = self.refused = 0
        self.seconds = Buckets(BOUNDS_S)

    def see(self, score: ScoreRecorded) -> None:
        """Count the answer behind a score."""
        self.answers += 1
        self.failed += score.failed
        self.refused += score.refused
        if score.total_ms is not None and not score.failed:
            self.seconds.see(score.total_ms / 1000.0)

    def told(self, rollout_id: str, arm: Arm) -> ArmAnswers:
        """The counts, as the worker tells them."""
        return ArmAnswers(
            rollout_id=rollout_id, arm=arm, answers=self.answers, failed=self.failed, refused=self.refused,
            seconds=self.seconds.told(),
        )  # fmt: skip


class ArmCounts:
    """Written by the scorer's thread, read by any."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._of: OrderedDict[str, Counter[tuple[Arm, str]]] = OrderedDict()
        self._own: dict[str, dict[Arm, OwnAnswers]] = {}
        self._seen: dict[str, float] = {}

    def see(self, score: ScoreRecorded) -> None:
        """Count the assigned arm's answer, and its shadow's where that has a score."""
        rollout = score.rollout_id
        counts = self._of.get(rollout)
        if counts is None:
            counts = self._begin(rollout)
        self._of.move_to_end(rollout)
        self._seen[rollout] = self._clock()
        arm = score.assignment.arm
        counts[arm, score.unscored or SCORED] += 1
        self._own[rollout][arm].see(score)
        if score.other_value is not None:
            counts["control" if arm == "candidate" else "candidate", SCORED] += 1

    def shown(self) -> Iterator[ArmResult]:
        """What there is to say now."""
        for rollout, counts in self._of.copy().items():
            if self._heard_of(rollout):
                for (arm, result), count in counts.copy().items():
                    yield ArmResult(rollout, arm, result, count)

    def answers(self) -> Iterator[ArmAnswers]:
        """How each arm answers, of the same rollouts."""
        for rollout, arms in self._own.copy().items():
            if self._heard_of(rollout):
                for arm, own in arms.items():
                    yield own.told(rollout, arm)

    def _heard_of(self, rollout: str) -> bool:
        late = self._clock() - QUIET_S
        return self._seen.get(rollout, late) > late

    def _begin(self, rollout: str) -> Counter[tuple[Arm, str]]:
        """A rollout's counts, both arms at 0: a series that begins at 1 hides its first event from a rate."""
        if len(self._of) >= MOST:
            gone, _ = self._of.popitem(last=False)
            self._seen.pop(gone, None)
            self._own.pop(gone, None)
        counts: Counter[tuple[Arm, str]] = Counter()
        counts["control", SCORED] = counts["candidate", SCORED] = 0
        self._own[rollout] = {arm: OwnAnswers() for arm in get_args(Arm)}
        self._of[rollout] = counts
        return counts
