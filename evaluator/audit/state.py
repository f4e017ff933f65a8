"""What an audit knows while it asks: the answers of each measure, and whether its verdict is certain. No I/O.

Which items are asked depends on the seed and on the answers only: the same seed and the same answers give the same
items and the same verdicts, with or without a cache, however often the audit was interrupted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from evaluator.audit.diff.floor import at_floor
from evaluator.audit.diff.item_order import ordered_draws
from evaluator.audit.diff.pacing import draws_to_go, next_chunk, out_of_reach
from evaluator.audit.diff.paired import Draw, Evidence, draw_of, evidence_of
from evaluator.audit.diff.paired_set import PairedSet, Verdict
from evaluator.audit.diff.settings import GateSettings
from evaluator.audit.measures.answers import ItemAnswer
from evaluator.audit.measures.measure import Measure

Pair = tuple[ItemAnswer, ItemAnswer]
"""What base and candidate answered to one item."""
Stop = Literal[
    "certain", "used up", "out of reach", "at the floor", "not measured", "unable", "another failed"
]
_NOTHING: Final = Evidence(draws=0, for_fail=0.0, for_pass=0.0)


@dataclass(frozen=True)
class Watched:
    """A measure with its terms, fixed before anything is asked.

    `fail_beyond` and `pass_within` are the threshold, as the judge's errors move it; `pass_within` is None where the
    judge cannot prove a pass, as `no_pass` says. `unable` says why nothing can be told here, `not_measured` why base's
    scores, as the baseline has them, say nothing: nothing is asked then.
    `floor` is why base is at the floor, as its baseline says, or None; `floor_open` leaves that to base's answers as
    they come in. At the floor only a measure `for_gain` (the target's) is asked: until the candidate is certainly
    better than base, or the items are used up.
    """

    measure: Measure
    fail_beyond: float
    pass_within: float | None
    unable: str | None = None
    not_measured: str | None = None
    no_pass: str | None = None
    floor: str | None = None
    floor_open: bool = False
    for_gain: bool = False

    @property
    def label(self) -> str:
        """Capability and measure, unique in an audit."""
        return f"{self.measure.capability}/{self.measure.name}"

    @property
    def tested_within(self) -> float | None:
        """What the drop must be shown to stay below; at the floor, where nothing can pass, 0: that it gained."""
        return 0.0 if self.floor else self.pass_within

    @property
    def silent(self) -> bool:
        """Whether this measure can neither pass nor fail, whatever is answered."""
        return any(why is not None for why in (self.unable, self.not_measured, self.floor))


@dataclass(frozen=True)
class Asked:
    """What became of one measure: pairs by draw, in the order in which they were met, and why the asking stopped.

    `level_fail` is Holm's level for this measure among all.
    """

    watched: Watched
    pairs: tuple[tuple[Pair, ...], ...]
    draws: tuple[Draw, ...]
    evidence: Evidence
    floor: str | None
    level_fail: float
    verdict: Verdict
    stopped: Stop


class Run:
    """One measure while it is being asked."""

    def __init__(self, watched: Watched, settings: GateSettings) -> None:
        self.watched = watched
        self._settings = settings
        items = watched.measure.items
        self._order = ordered_draws(items, settings.seed, watched.label)
        self._size = len(items) / max(len(self._order), 1)
        self.pairs: list[tuple[Pair, ...]] = []
        self.draws = np.empty((0, 2))
        """A row for each draw: the smallest and the largest drop that it may show."""
        self.evidence = _NOTHING
        self.floor = watched.floor
        self.hopeless = False
        self._look()

    @property
    def silent(self) -> bool:
        """Whether its terms leave it neither to pass nor to fail."""
        return self.watched.silent

    @property
    def left(self) -> int:
        """How many draws are left to ask."""
        return len(self._order) - len(self.draws)

    @property
    def items(self) -> int:
        """How many items were asked."""
        return sum(map(len, self.pairs))

    def next_items(self, level_fail: float) -> list[str]:
        """The items to ask now: those of the next draws."""
        draws = next_chunk(self.evidence, self.left, level_fail, self._settings)
        return [item for draw in self._order[len(self.draws) :][:draws] for item in draw]

    def take(self, base: Sequence[ItemAnswer], candidate: Sequence[ItemAnswer]) -> None:
        """Take in the answers to `next_items`, in their order."""
        both = list(zip(base, candidate, strict=True))
        fresh: list[Draw] = []
        while both:
            size = len(self._order[len(self.pairs)])
            pairs, both = tuple(both[:size]), both[size:]
            self.pairs.append(pairs)
            fresh.append(draw_of([(b.value, c.value) for b, c in pairs]))
        self.draws = np.concatenate([self.draws, np.array(fresh).reshape(-1, 2)])
        self._look()

    def expected(self, level_fail: float) -> float:
        """Items to come, if evidence goes on growing as it has."""
        to_go = draws_to_go(self.evidence, level_fail, self._settings.alpha_pass)
        return min(to_go, self.left) * self._size

    def _look(self) -> None:
        watched = self.watched
        self.evidence = evidence_of(self.draws, watched.fail_beyond, watched.tested_within)
        self.hopeless = out_of_reach(
            self.draws, self.left, watched.fail_beyond, watched.tested_within, self._settings
        )
        if watched.floor_open:
            values = [base.value for draw in self.pairs for base, _ in draw if base.value is not None]
            measure = watched.measure
            self.floor = at_floor(values, measure.chance, measure.threshold, whole=False)


class AuditState:
    """All measures of one audit. `runs` are in the order of `watched`."""

    def __init__(self, watched: Sequence[Watched], settings: GateSettings) -> None:
        self.settings = settings
        self.runs = tuple(Run(w, settings) for w in watched)
        # At the floor or not, a measure has its part of the error: what base happened to score moves no level.
        self._tests = PairedSet(self.runs, settings.alpha_fail, settings.alpha_pass, silent_counts=True)

    def settle(self) -> None:
        """Share the error out anew, after a run took answers in."""
        self._tests.settle()

    def level(self, run: Run) -> float:
        """Holm's level for `run` as things stand."""
        return self._tests.level(run)

    @property
    def open(self) -> tuple[Run, ...]:
        """The runs that are still to be asked."""
        return tuple(run for run in self.runs if self.stop(run) is None)

    def stop(self, run: Run) -> Stop | None:
        """Why `run` is not asked any further, or None where it is."""
        watched = run.watched
        if watched.unable is not None:
            return "unable"
        if watched.not_measured is not None:
            return "not measured"
        if watched.floor is not None and not watched.for_gain:
            return "at the floor"
        if self._certain(run):
            return "certain"
        if self._settled_by_another(run):
            return "another failed"
        if not run.left:
            return "used up"
        return "out of reach" if run.hopeless else None

    def expected(self) -> tuple[int, int]:
        """Items asked so far, and in the end as far as one can tell."""
        done = sum(run.items for run in self.runs)
        return done, round(done + sum(run.expected(self.level(run)) for run in self.open))

    def result(self) -> tuple[Asked, ...]:
        """What became of each measure; none may be open."""
        found = []
        for run in self.runs:
            stopped = self.stop(run)
            if stopped is None:
                raise ValueError(f"{run.watched.label} is still open: {run.left} draws are left to ask")
            found.append(
                Asked(
                    watched=run.watched,
                    pairs=tuple(run.pairs),
                    draws=tuple(Draw(*map(float, row)) for row in run.draws),
                    evidence=run.evidence,
                    floor=run.floor,
                    level_fail=self.level(run),
                    verdict=self._tests.verdict(run),
                    stopped=stopped,
                )
            )
        return tuple(found)

    def _settled_by_another(self, run: Run) -> bool:
        """Whether a failure elsewhere leaves nothing to decide here: in its capability, or anywhere at all."""
        return any(
            self._tests.verdict(other) == "fail"
            for other in self.runs
            if self.settings.first_fail or other.watched.measure.capability == run.watched.measure.capability
        )

    def _certain(self, run: Run) -> bool:
        if run.watched.floor is not None:  # only whether it gained is asked
            return run.evidence.p_pass <= self.settings.alpha_pass
        return self._tests.verdict(run) != "inconclusive"
