"""Several paired tests side by side under one error, and which of their verdicts are certain. Pure.

Whoever asks says what is asked next, and when it has been enough; this says what the answers have made certain.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, Literal, Protocol, TypeVar

from evaluator.audit.diff.holm import holm_levels
from evaluator.audit.diff.paired import Evidence

Verdict = Literal["pass", "fail", "inconclusive"]


class Tested(Protocol):
    """One test of a set, as things stand."""

    @property
    def evidence(self) -> Evidence:
        """What its draws say so far."""

    @property
    def floor(self) -> str | None:
        """Why base shows nothing that could be lost, as far as base has answered; None where it shows enough."""

    @property
    def silent(self) -> bool:
        """Whether it was settled, before anything was asked, that this test neither passes nor fails."""


TestedT = TypeVar("TestedT", bound=Tested)


class PairedSet(Generic[TestedT]):
    """Paired tests, each tested for a fail at its level by Holm, and for a pass at `alpha_pass`.

    The chance that any test fails without a drop beyond its threshold is at most `alpha_fail`. To pass as a whole all
    must pass, so that error is not shared out. With `silent_counts` the silent ones have a part of the error, so that
    what made them silent cannot move the level of the others; without, they leave it to the others. `tests` are told
    apart by identity.
    """

    def __init__(
        self, tests: Sequence[TestedT], alpha_fail: float, alpha_pass: float, *, silent_counts: bool
    ) -> None:
        self.tests = tuple(tests)
        self._alpha_fail, self._alpha_pass, self._silent_counts = alpha_fail, alpha_pass, silent_counts
        self._levels: dict[int, float] = {}
        self.settle()

    def settle(self) -> None:
        """Share the error out anew, after tests took answers in. As p-values only fall, what failed stays failed."""
        sharing = [test for test in self.tests if self._silent_counts or not test.silent]
        p_values = [1.0 if test.silent else test.evidence.p_fail for test in sharing]
        levels = holm_levels(p_values, self._alpha_fail)
        self._levels = {id(test): level for test, level in zip(sharing, levels, strict=True)}

    def level(self, test: TestedT) -> float:
        """Holm's level for `test` when the error was shared out last; 0 where it has no part of it."""
        return self._levels.get(id(test), 0.0)

    def verdict(self, test: TestedT) -> Verdict:
        """`fail` where the drop is certainly beyond what is tolerated, `pass` where it certainly is not.

        At the floor, and where nothing can be told, it is `inconclusive`, whatever the evidence. Both can be certain
        only by an error of one of them: the drop then counts.
        """
        if test.silent or test.floor is not None:
            return "inconclusive"
        evidence = test.evidence
        if evidence.p_fail <= self.level(test):
            return "fail"
        return "pass" if evidence.p_pass <= self._alpha_pass else "inconclusive"
