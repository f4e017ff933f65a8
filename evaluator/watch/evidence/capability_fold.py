"""One capability's part of the fold: its past, its counts for people, its tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from evaluator.watch.evidence.grades import GradedFold
from evaluator.watch.evidence.of_keys import KeyBound
from evaluator.watch.evidence.repeats import Repeats, of_subject
from evaluator.watch.evidence.sequential import History, PromotionProcess, ShiryaevRoberts
from evaluator.watch.evidence.whose import DropTests
from telemetry.events import Apart, ArmCount, CapabilityEvidence, CapabilityWatch

DRIFTED: Final = "its judge changed, as known answers show: its scores are no evidence any more"


class Tally:
    """Plain counts of one capability, for people: units and pairs, not what the bets know.

    `doubt` is the sum over `tags` prompts of 1 - the tagger's confidence, fitted on prompts that were held out.
    """

    __slots__ = ("doubt", "gap_sum", "pairs", "set_aside", "sums", "tags", "units", "unscored")

    def __init__(self) -> None:
        self.units = [0, 0]
        self.sums = [0.0, 0.0]
        self.pairs = 0
        self.gap_sum = 0.0
        self.unscored = 0
        self.set_aside = 0
        self.tags = 0
        self.doubt = 0.0

    def tagged(self, confidence: float) -> None:
        """Count one prompt that was taken for one of this capability."""
        self.tags += 1
        self.doubt += 1.0 - confidence

    @property
    def mistagged(self) -> float | None:
        """The part of the tags that are likely others'; None before there is one."""
        return self.doubt / self.tags if self.tags else None

    def add(self, candidate: bool, value: float) -> None:
        """Count one unit."""
        self.units[candidate] += 1
        self.sums[candidate] += value

    def arm(self, candidate: bool) -> ArmCount:
        """Units and mean of one arm."""
        n = self.units[candidate]
        return ArmCount(n=n, mean=self.sums[candidate] / n if n else None)

    def to_list(self) -> list[float]:
        """Every number, for a snapshot."""
        counts = [self.pairs, self.gap_sum, self.unscored, self.set_aside, self.tags, self.doubt]
        return [*self.units, *self.sums, *counts]

    def restore(self, numbers: Sequence[float]) -> None:
        """Take up the numbers that `to_list` wrote."""
        self.units = [int(n) for n in numbers[:2]]
        self.sums = [float(s) for s in numbers[2:4]]
        self.pairs, self.gap_sum = int(numbers[4]), float(numbers[5])
        self.unscored, self.set_aside = int(numbers[6]), int(numbers[7])
        self.tags, self.doubt = int(numbers[8]), float(numbers[9])


class CapabilityFold:
    """Tests and counts of one capability. `margins` are the promotion margins of the stages, if asked for.

    A stage whose margin the judge's error may hide has no promotion test. What only holds is tested too, and its
    factors stay here: `peak`, the highest evidence so far, is all that is asked of it.
    `after` runs once the candidate is fully rolled out. `judges` are the judge versions seen: more than one
    means that scores before and after are not on one scale. `pairs` and `units` are the windows in which one subject,
    or one prompt of nobody's, is kept from weighing too much, `keys` has those of API keys, where they are bounded.
    `grades` is what people's say of it, where they count. `drifted` says that a judge whose scores are in it changed
    (`anchors`).
    """

    __slots__ = (
        "after",
        "drifted",
        "drop",
        "grades",
        "judges",
        "keys",
        "most",
        "pairs",
        "past",
        "peak",
        "promotions",
        "tally",
        "units",
        "watch",
    )

    def __init__(
        self,
        watch: CapabilityWatch,
        margins: Sequence[float | None],
        *,
        graded: bool = False,
        most_of_key: float | None = None,
    ) -> None:
        self.watch = watch
        self.past = History()
        self.tally = Tally()
        self.drop = DropTests(watch.threshold)
        self.after = ShiryaevRoberts()
        judged = [watch.judged_margin(m) for m in margins]
        self.promotions = [None if m is None else PromotionProcess(m) for m in judged]
        self.peak = 1.0
        self.judges: set[str] = set()
        self.most = of_subject(watch.threshold)
        self.pairs = Repeats()
        self.units = Repeats()
        self.keys = KeyBound(most_of_key)
        self.drifted = False
        self.grades = GradedFold(watch) if graded and (watch.watched or watch.holds) else None

    @property
    def refuted(self) -> bool:
        """Whether people's grades refute what is known of the judge, so that its scores are no evidence."""
        return self.grades is not None and self.grades.refuted

    @property
    def silenced(self) -> bool:
        """Whether its scores are no evidence any more: people refute its judge, or the judge changed."""
        return self.drifted or self.refuted

    @property
    def e_value(self) -> float:
        """E_k of the judged scores."""
        if self.drifted or (self.grades is not None and self.grades.refuted):
            return 0.0
        return self.drop.e_value

    def apart(self) -> Apart | None:
        """What units alone and pairs alone have made of the evidence; None before both have come."""
        if not self.drop.alone or self.silenced:
            return None
        return Apart(subjects=self.drop.of("subjects"), traffic=self.drop.of("traffic"))

    def pair(self, control: float, candidate: float) -> list[float] | None:
        """Settle one pair; the factors, None where the capability is not watched."""
        gap = control - candidate
        self.tally.pairs += 1
        self.tally.gap_sum += gap
        factors = None
        if self.watch.watched:
            factors = self.drop.pair(self.past, gap)
            for process in self.promotions:
                if process is not None:
                    process.pair(self.past, gap)
        elif self.watch.holds:
            self.drop.pair(self.past, gap)
            self.peak = max(self.peak, self.drop.e_value)
        self.past.add_pair(control, candidate)
        return factors

    def unit(self, pi: float | None, candidate: bool, value: float) -> list[float] | None:
        """Settle one score of one arm; the factors, None where it was no unit or is not watched."""
        factors = None
        if pi is not None:
            self.tally.add(candidate, value)
            if self.watch.watched:
                factors = self.drop.unpaired(self.past, pi, candidate, value)
                for process in self.promotions:
                    if process is not None:
                        process.unpaired(self.past, pi, candidate, value)
            elif self.watch.holds:
                self.drop.unpaired(self.past, pi, candidate, value)
                self.peak = max(self.peak, self.drop.e_value)
        self.past.add(candidate, value)
        return factors

    def summary(self) -> CapabilityEvidence:
        """The capability's evidence as the proof shows it."""
        tally = self.tally
        return CapabilityEvidence(
            capability=self.watch.name,
            watched=self.watch.watched and not self.drifted,
            threshold=self.watch.threshold,
            weight=self.watch.weight,
            e_value=self.e_value,
            control=tally.arm(candidate=False),
            candidate=tally.arm(candidate=True),
            pairs=tally.pairs,
            pair_gap=tally.gap_sum / tally.pairs if tally.pairs else None,
            unscored=tally.unscored,
            set_aside=tally.set_aside,
            judged_by=self.watch.judged_by,
            tolerated=self.watch.tolerated,
            unwatched=DRIFTED if self.drifted else self.watch.unwatched,
            people=None if self.grades is None else self.grades.say(),
            apart=self.apart(),
        )

    def to_dict(self) -> dict[str, Any]:
        """Every number, for a snapshot."""
        return {
            "past": self.past.to_list(),
            "tally": self.tally.to_list(),
            "drop": self.drop.to_list(),
            "after": list(self.after.wealth),
            "peak": self.peak,
            "promotions": [None if p is None else p.to_list() for p in self.promotions],
            "judges": sorted(self.judges),
            "repeats": [self.pairs.to_text(), self.units.to_text()],
            "keys": self.keys.to_dict(),
            "grades": None if self.grades is None else self.grades.to_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what `to_dict` wrote."""
        self.past = History.from_list([float(x) for x in state["past"]])
        self.tally.restore(state["tally"])
        self.drop.restore(state["drop"])
        self.after.restore(state["after"])
        for process, numbers in zip(self.promotions, state["promotions"], strict=True):
            if process is not None:
                process.restore(numbers)
        self.peak = float(state["peak"])
        self.judges = set(state["judges"])
        self.pairs, self.units = (Repeats.from_text(text) for text in state["repeats"])
        self.keys.restore(state.get("keys", {}))  # snapshots had none once, nor a bound on keys
        if self.grades is not None:
            self.grades.restore(state["grades"])
