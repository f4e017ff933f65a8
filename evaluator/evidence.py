"""The evidence of one rollout: a deterministic fold over `belay.scores` in offset order.

Whoever folds the same scores, in one go or from any snapshot, comes to the same bits. Bets are set from the
past before a score is looked at; an interaction is used once: as a pair where both arms answered it, else as
its subject's unit, else (a subject that came back) only to learn the arms' means.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Sequence
from math import log
from typing import Any

from evaluator.sequential import (
    GRID,
    BroadPool,
    DropProcess,
    History,
    PromotionProcess,
    blame,
    combine,
)
from evaluator.units import Units, fingerprint, pack, unpack
from telemetry.errors import SettingsError, UnreadableRecord
from telemetry.events import (
    ArmCount,
    CapabilityEvidence,
    CapabilityWatch,
    RolloutSpec,
    ScoreRecorded,
)

STATE_VERSION = 1
HEAVIEST = 10


class Tally:
    """Plain counts of one capability, for people: units and pairs, not what the bets know."""

    __slots__ = ("candidate_n", "candidate_sum", "control_n", "control_sum", "gap_sum", "pairs", "unscored")

    def __init__(self, numbers: Sequence[float] = (0, 0.0, 0, 0.0, 0, 0.0, 0)) -> None:
        self.control_n, self.candidate_n = int(numbers[0]), int(numbers[2])
        self.control_sum, self.candidate_sum = float(numbers[1]), float(numbers[3])
        self.pairs, self.unscored = int(numbers[4]), int(numbers[6])
        self.gap_sum = float(numbers[5])

    def to_list(self) -> list[float]:
        """Every number, for a snapshot."""
        return [
            self.control_n,
            self.control_sum,
            self.candidate_n,
            self.candidate_sum,
            self.pairs,
            self.gap_sum,
            self.unscored,
        ]


class CapabilityFold:
    """One capability's part of the fold: its past, its tally, its tests."""

    __slots__ = ("drop", "past", "promotions", "tally", "watch")

    def __init__(self, watch: CapabilityWatch, margins: Sequence[float | None]) -> None:
        self.watch = watch
        self.past = History()
        self.tally = Tally()
        self.drop = DropProcess(watch.threshold)
        self.promotions = [PromotionProcess(watch.threshold if m is None else m) for m in margins]

    def summary(self) -> CapabilityEvidence:
        """The capability's evidence as the proof shows it."""
        tally = self.tally
        return CapabilityEvidence(
            capability=self.watch.name,
            watched=self.watch.watched,
            threshold=self.watch.threshold,
            weight=self.watch.weight,
            e_value=self.drop.e_value,
            control=_count(tally.control_n, tally.control_sum),
            candidate=_count(tally.candidate_n, tally.candidate_sum),
            pairs=tally.pairs,
            pair_gap=tally.gap_sum / tally.pairs if tally.pairs else None,
            unscored=tally.unscored,
        )

    def to_dict(self) -> dict[str, Any]:
        """Every number, for a snapshot."""
        return {
            "past": self.past.to_list(),
            "tally": self.tally.to_list(),
            "drop": self.drop.to_list(),
            "promotions": [p.to_list() for p in self.promotions],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what `to_dict` wrote."""
        self.past = History.from_list([float(x) for x in state["past"]])
        self.tally = Tally(state["tally"])
        self.drop.restore(state["drop"])
        for process, numbers in zip(self.promotions, state["promotions"], strict=True):
            process.restore(numbers)


def _count(n: int, total: float) -> ArmCount:
    return ArmCount(n=n, mean=total / n if n else None)


class RolloutEvidence:
    """All evidence of one rollout. `settle` every score in offset order, then ask `decide.decide`."""

    def __init__(self, spec: RolloutSpec) -> None:
        watched = [c for c in spec.capabilities if c.watched]
        total = sum(c.weight for c in watched)
        if total > 1.0 + 1e-6:
            raise SettingsError(
                f"rollout {spec.rollout_id}: the watched capabilities' weights add up to {total:.6f}, not 1",
                hint="Weights share out alpha among the capabilities; give each of n capabilities 1/n.",
            )
        self.spec = spec
        self.bar = 1.0 / spec.alpha
        # Only the policy `evidence` asks the promotion test; its processes cost as much as the others.
        margins = [stage.margin for stage in spec.stages] if spec.advance == "evidence" else []
        self.folds = {c.name: CapabilityFold(c, margins if c.watched else []) for c in spec.capabilities}
        self._watched = [self.folds[c.name] for c in watched]
        self._weights = [c.weight for c in watched]
        # The target is meant to change; pooled with the others, its gain would hide their loss.
        adjacent = {c.name for c in watched if c.role == "adjacent"}
        self._pooled = adjacent or {c.name for c in watched}
        self._pool = BroadPool()
        self._units = Units()
        self._events: set[int] = set()
        self._heaviest: list[tuple[float, int, str]] = []
        self.settled = 0
        self.untagged = 0
        self.e_value = 1.0
        self.peak = 1.0
        self.partition: int | None = None
        self.first_offset = -1
        self.last_offset = -1
        self.last_score: ScoreRecorded | None = None
        self.stage = 0
        self.stage_units: dict[int, int] = {}
        self.judges: set[str] = set()
        self.digest = ""
        self.emitted: dict[str, int] = {}

    # --- the fold -------------------------------------------------------------------------------------

    def settle(self, score: ScoreRecorded, partition: int, offset: int) -> bool:
        """Fold one score in; False where it changes nothing (offset already folded, event already seen).

        Raises UnreadableRecord, changing nothing, for a rollout, capability or partition that is not ours.
        """
        self._check(score, partition, offset)
        event = fingerprint(score.event_id)
        if offset <= self.last_offset or event in self._events:
            return False
        self._events.add(event)
        if self.partition is None:
            self.partition, self.first_offset = partition, offset
        self.last_offset = offset
        self.last_score = score
        self.settled += 1
        self.stage = max(self.stage, score.assignment.stage)
        self.judges.add(score.judge)
        self.digest = hashlib.sha256(_line(self.digest, score).encode()).hexdigest()
        if score.capability is None:
            self.untagged += 1
        elif score.value is None:
            self.folds[score.capability].tally.unscored += 1
        else:
            self._settle_value(self.folds[score.capability], score, score.value)
        return True

    def _check(self, score: ScoreRecorded, partition: int, offset: int) -> None:
        where = f"score {score.event_id} at {partition}/{offset}"
        if score.rollout_id != self.spec.rollout_id:
            raise UnreadableRecord(
                f"{where}: rollout {score.rollout_id!r}, expected {self.spec.rollout_id!r}"
            )
        if score.capability is not None and score.capability not in self.folds:
            known = ", ".join(self.folds)
            raise UnreadableRecord(f"{where}: capability {score.capability!r} is not among {known}")
        if self.partition is not None and partition != self.partition:
            raise UnreadableRecord(
                f"{where}: this rollout's scores lie in partition {self.partition}, and two have no order"
            )

    def _settle_value(self, fold: CapabilityFold, score: ScoreRecorded, value: float) -> None:
        candidate = score.assignment.arm == "candidate"
        pi = self._units.draw(score.assignment)
        other = score.other_value
        factors: list[float] | None = None
        past = fold.past
        tally = fold.tally
        if other is not None:
            control, changed = (other, value) if candidate else (value, other)
            tally.pairs += 1
            tally.gap_sum += control - changed
            if fold.watch.watched:
                factors = fold.drop.pair(past, control - changed)
                for process in fold.promotions:
                    process.pair(past, control - changed)
            past.add_pair(control, changed)
        else:
            if pi is not None:
                if candidate:
                    tally.candidate_n += 1
                    tally.candidate_sum += value
                else:
                    tally.control_n += 1
                    tally.control_sum += value
                if fold.watch.watched:
                    factors = fold.drop.unpaired(past, pi, candidate, value)
                    for process in fold.promotions:
                        process.unpaired(past, pi, candidate, value)
            past.add(candidate, value)
        if other is not None or pi is not None:
            stage = score.assignment.stage
            self.stage_units[stage] = self.stage_units.get(stage, 0) + 1
        if factors is not None:
            self._weigh(fold, score, factors)

    def _weigh(self, fold: CapabilityFold, score: ScoreRecorded, factors: list[float]) -> None:
        if fold.watch.name in self._pooled:
            self._pool.multiply(factors)
        before = self.e_value
        self.e_value = combine(self._weights, [f.drop.e_value for f in self._watched], self._pool.e_value)
        self.peak = max(self.peak, self.e_value)
        entry = (abs(log(self.e_value / before)), -self.settled, score.interaction_id)
        if len(self._heaviest) < HEAVIEST:
            heapq.heappush(self._heaviest, entry)
        elif entry > self._heaviest[0]:
            heapq.heapreplace(self._heaviest, entry)

    # --- what it says ---------------------------------------------------------------------------------

    @property
    def breached(self) -> bool:
        """Whether M has ever reached the bar."""
        return self.peak >= self.bar

    def summary(self) -> tuple[CapabilityEvidence, ...]:
        """Every capability's evidence, in the order of the spec."""
        return tuple(fold.summary() for fold in self.folds.values())

    def blamed(self) -> tuple[str, ...]:
        """Capabilities with w_k * E_k >= 1/alpha. Empty where only the drop as a whole is proven."""
        found = blame(self._weights, [f.drop.e_value for f in self._watched], self.spec.alpha)
        return tuple(self._watched[k].watch.name for k in found)

    def leading(self, most: int = 3) -> tuple[str, ...]:
        """The watched capabilities with the most evidence, largest first; no claim that each is proven."""
        order = sorted(self._watched, key=lambda f: -f.drop.e_value * f.watch.weight)
        return tuple(f.watch.name for f in order[:most])

    def promotion_evidence(self, stage: int) -> dict[str, float]:
        """For each watched capability, the highest value its test of this stage's margin has reached."""
        return {f.watch.name: f.promotions[stage].best for f in self._watched if stage < len(f.promotions)}

    def heaviest(self) -> tuple[str, ...]:
        """The interactions that moved M most (largest |log M_after/M_before|), heaviest first."""
        return tuple(interaction for _, _, interaction in sorted(self._heaviest, reverse=True))

    # --- snapshots ------------------------------------------------------------------------------------

    def to_snapshot(self) -> dict[str, Any]:
        """Everything, as JSON values; floats round-trip exactly."""
        return {
            "version": STATE_VERSION,
            "rollout_id": self.spec.rollout_id,
            "grid": list(GRID),
            "capabilities": {name: fold.to_dict() for name, fold in self.folds.items()},
            "pool": list(self._pool.wealth),
            "units": self._units.to_dict(),
            "events": pack(self._events),
            "heaviest": [list(entry) for entry in sorted(self._heaviest)],
            "settled": self.settled,
            "untagged": self.untagged,
            "e_value": self.e_value,
            "peak": self.peak,
            "partition": self.partition,
            "first_offset": self.first_offset,
            "last_offset": self.last_offset,
            "last_score": self.last_score.model_dump(mode="json") if self.last_score else None,
            "stage": self.stage,
            "stage_units": {str(stage): units for stage, units in sorted(self.stage_units.items())},
            "judges": sorted(self.judges),
            "digest": self.digest,
            "emitted": dict(self.emitted),
        }

    @classmethod
    def from_snapshot(cls, spec: RolloutSpec, state: dict[str, Any]) -> RolloutEvidence:
        """The evidence that `to_snapshot` wrote. Raises UnreadableRecord where it is not this rollout's."""
        if state.get("version") != STATE_VERSION or state.get("rollout_id") != spec.rollout_id:
            raise UnreadableRecord(
                f"snapshot of rollout {state.get('rollout_id')!r}, version {state.get('version')!r}; "
                f"expected {spec.rollout_id!r}, version {STATE_VERSION}",
                hint="Fold the scores from the beginning instead.",
            )
        new = cls(spec)
        if list(new.folds) != list(state["capabilities"]) or list(GRID) != state["grid"]:
            raise UnreadableRecord(
                f"snapshot of rollout {spec.rollout_id!r} has other capabilities or bets than expected",
                hint="Fold the scores from the beginning instead.",
            )
        for name, fold in new.folds.items():
            fold.restore(state["capabilities"][name])
        new._pool.wealth = [float(w) for w in state["pool"]]
        new._units = Units.from_dict(state["units"])
        new._events = set(unpack(state["events"]))
        new._heaviest = [(float(w), int(n), str(i)) for w, n, i in state["heaviest"]]
        heapq.heapify(new._heaviest)
        new.settled, new.untagged = int(state["settled"]), int(state["untagged"])
        new.e_value, new.peak = float(state["e_value"]), float(state["peak"])
        new.partition = state["partition"]
        new.first_offset, new.last_offset = int(state["first_offset"]), int(state["last_offset"])
        last = state["last_score"]
        new.last_score = ScoreRecorded.model_validate(last) if last else None
        new.stage = int(state["stage"])
        new.stage_units = {int(stage): int(units) for stage, units in state["stage_units"].items()}
        new.judges = set(state["judges"])
        new.digest = str(state["digest"])
        new.emitted = {str(key): int(at) for key, at in state["emitted"].items()}
        return new


def _line(previous: str, score: ScoreRecorded) -> str:
    """What the hash chain covers: everything of a score that the fold looks at."""
    who = score.assignment
    return "\x1f".join(
        (
            previous,
            score.event_id,
            score.interaction_id,
            who.subject,
            who.subject_source,
            who.arm,
            repr(who.share),
            str(who.stage),
            score.capability or "",
            repr(score.value),
            repr(score.other_value),
            score.judge,
        )
    )
