"""Whose drop it is: the evidence about subjects, the evidence about traffic, and both in one bet.

Units ask what subjects meet, one unit each, however much they send; pairs ask what traffic meets, up to a bound a
subject. A drop that only those feel who send sixty times what others do is in every second pair and in one unit of
fifty, so that units without a drop eat what pairs have won, and the other way round. Hence three tests of one alpha.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from evaluator.watch.evidence.sequential import CEILING, DropProcess, History

Asked = Literal["subjects", "traffic"]
PARTS: Final[dict[Asked, float]] = {"subjects": 0.15, "traffic": 0.15}
"""Part of the evidence that goes on with units alone and with pairs alone, once both have come. Chosen by simulation:
it costs a drop that all feel alike 9% of samples at 10% pairs, less with more, and finds a drop of 20 points that only
heavy subjects feel in 29 of 30 runs where one bet on both found it in 18 (docs/statistics.md)."""


class DropTests:
    """E_k of one capability: evidence of a drop beyond `delta`, for subjects, for traffic, or for both.

    As long as only units or only pairs have come there is one test. With the first of the other kind its value E is
    shared out: `PARTS` go on with one kind each, what is left with both. That takes nothing and adds nothing, and each
    part multiplies by factors of expectation at most 1, so their sum is an e-process, of the null that neither subjects
    nor traffic lose more than `delta`.
    """

    __slots__ = ("_scales", "alone", "both", "delta", "e_value", "only")

    def __init__(self, delta: float) -> None:
        self.delta = delta
        self.both = DropProcess(delta)
        self.only: Asked | None = None
        self.alone: dict[Asked, DropProcess] = {}
        self._scales: dict[Asked, float] = {}
        # Kept, since after every score those of all capabilities are asked for, and one of them has changed.
        self.e_value = self._e_value()

    def _e_value(self) -> float:
        """E_k, at most `CEILING`."""
        if not self.alone:
            return self.both.e_value
        kept = (1.0 - sum(PARTS.values())) * self.both.e_value
        return min(kept + sum(self.of(asked) for asked in PARTS), CEILING)

    def of(self, asked: Asked) -> float:
        """The part of E_k that units alone ("subjects") or pairs alone ("traffic") have made."""
        if self.alone:
            return PARTS[asked] * self._scales[asked] * self.alone[asked].e_value
        return self.both.e_value if self.only == asked else 0.0

    def unpaired(self, past: History, pi: float, candidate: bool, y: float) -> list[float]:
        """Settle one unit, bets set by `past` only; returns the components' factors."""
        self._meet("subjects")
        return self._apart("subjects", self.both.unpaired(past, pi, candidate, y))

    def pair(self, past: History, difference: float) -> list[float]:
        """Settle one pair, bets set by `past` only; returns the components' factors."""
        self._meet("traffic")
        return self._apart("traffic", self.both.pair(past, difference))

    def _meet(self, asked: Asked) -> None:
        if self.only is None:
            self.only = asked
        elif self.only != asked and not self.alone:
            self._share_out(asked)

    def _apart(self, asked: Asked, factors: list[float]) -> list[float]:
        if self.alone:
            self.alone[asked].multiply(factors)
        self.e_value = self._e_value()
        return factors

    def _share_out(self, new: Asked) -> None:
        """What was of one kind goes on as it is; the other begins with as much."""
        for asked in PARTS:
            self.alone[asked] = process = DropProcess(self.delta)
            self._scales[asked] = self.both.e_value if asked == new else 1.0
            if asked != new:
                process.restore(self.both.to_list())

    def to_list(self) -> list[float]:
        """Every number that changes, for a snapshot; -1, 0 and 1 say that there is nothing yet, units, and pairs."""
        kind = -1.0 if self.only is None else float(self.only == "traffic")
        numbers = [kind, *self.both.to_list()]
        for asked, process in self.alone.items():
            numbers += [self._scales[asked], *process.to_list()]
        return numbers

    def restore(self, numbers: Sequence[float]) -> None:
        """Take up the numbers that `to_list` wrote. Raises ValueError where they are too few or too many."""
        kind, numbers = numbers[0], numbers[1:]
        self.only = None if kind < 0.0 else "traffic" if kind else "subjects"
        length = len(self.both.to_list())
        self.both.restore(numbers[:length])
        rest = numbers[length:]
        self.alone = {}
        self._scales = {}
        if rest:
            self._restore_alone(rest, length)
        self.e_value = self._e_value()

    def _restore_alone(self, rest: Sequence[float], length: int) -> None:
        if len(rest) != len(PARTS) * (length + 1):
            raise ValueError(f"{len(rest)} numbers of tests apart, expected {len(PARTS) * (length + 1)}")
        for number, asked in enumerate(PARTS):
            mine = rest[number * (length + 1) : (number + 1) * (length + 1)]
            self._scales[asked] = float(mine[0])
            self.alone[asked] = process = DropProcess(self.delta)
            process.restore(mine[1:])
