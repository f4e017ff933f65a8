"""The evidence of one rollout: a deterministic fold over `belay.scores` in offset order.

Whoever folds the same scores, in one go or from any snapshot, comes to the same bits. Bets are set from the
past before a score is looked at; an interaction is used once: as a pair where both arms answered it, else as
its subject's unit, else (a subject that came back, or a shadow that was drawn and gave no score) only to learn
the arms' means.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Sequence
from typing import Any

from evaluator.watch.evidence import guardrails
from evaluator.watch.evidence.capability_fold import CapabilityFold
from evaluator.watch.evidence.guardrails import GuardrailFold, guarded_value
from evaluator.watch.evidence.ratio import RatioCheck
from evaluator.watch.evidence.sequential import GRID, BroadPool, combine
from evaluator.watch.evidence.units import Units, fingerprint, pack, unpack
from telemetry.errors import SettingsError, UnreadableRecord
from telemetry.events import CapabilityEvidence, RolloutSpec, ScoreRecorded

STATE_VERSION = 5
HEAVIEST = 10
RUN_LENGTH = 100_000.0
"""After the full rollout: units per capability (weighted mean) until a false alarm, on average."""


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
        # With guardrails the capabilities have what is left of alpha.
        self._part = 1.0 - guardrails.PART if spec.guardrails else 1.0
        self.e_value = self.peak = self._part
        self._rails = [GuardrailFold(r, guardrails.PART / len(spec.guardrails)) for r in spec.guardrails]
        self._weights = [c.weight for c in watched]
        self.ratio = RatioCheck()
        # The target is meant to change; pooled with the others, its gain would hide their loss.
        adjacent = {c.name for c in watched if c.role == "adjacent"}
        self._pooled = adjacent or {c.name for c in watched}
        self._pool = BroadPool()
        self._units = Units()
        self._guarded = Units()
        self._events: set[int] = set()
        self._heaviest: list[tuple[float, int, str]] = []
        self.settled = 0
        self.untagged = 0
        self.tags: dict[str, int] = {}
        self.full = False
        self.late = 0.0
        self.late_peak = 0.0
        self.partition: int | None = None
        self.first_offset = -1
        self.last_offset = -1
        self.last_score: ScoreRecorded | None = None
        self.stage = 0
        self.stage_units: dict[int, int] = {}
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
        self.full = self.full or score.assignment.share > self.spec.stages[-1].share
        self.digest = hashlib.sha256(_line(self.digest, score).encode()).hexdigest()
        if score.draw is not None:
            self._count_tag(score.draw.capability)
        guarded = self._settle_guardrails(score)
        factors = None
        if score.capability is None:
            self.untagged += 1
        elif score.value is None:
            self.folds[score.capability].tally.unscored += 1
        else:
            factors = self._settle_value(self.folds[score.capability], score, score.value)
        if factors is not None or guarded:
            self._weigh(score)
        return True

    def _count_tag(self, capability: str | None) -> None:
        """Draws are a fair sample of all prompts, so their tags tell what traffic consists of."""
        name = capability if capability in self.folds else ""
        self.tags[name or ""] = self.tags.get(name or "", 0) + 1

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

    def _settle_value(
        self, fold: CapabilityFold, score: ScoreRecorded, value: float
    ) -> Sequence[float] | None:
        """Settle a score of a capability; the factors, None where nothing was bet."""
        who = score.assignment
        candidate = who.arm == "candidate"
        fold.judges.add(score.judge)
        pi = self._units.draw(who)
        other = score.other_value
        if pi is not None:
            self.ratio.add(pi, candidate, who.subject_source, score.router)
        if score.draw is not None and score.draw.drawn:
            pi = None  # a pair or nothing: whether the shadow gave a score may depend on the arm
        if other is not None:
            factors = fold.pair(other, value) if candidate else fold.pair(value, other)
        else:
            factors = fold.unit(pi, candidate, value)
        if pi is not None or other is not None:
            self.stage_units[who.stage] = self.stage_units.get(who.stage, 0) + 1
        if factors is not None:
            if fold.watch.name in self._pooled:
                self._pool.multiply(factors)
            if who.share > self.spec.stages[-1].share:
                fold.after.multiply(factors)
                self.late = sum(
                    w * f.after.statistic for w, f in zip(self._weights, self._watched, strict=True)
                )
                self.late_peak = max(self.late_peak, self.late)
        return factors

    def _settle_guardrails(self, score: ScoreRecorded) -> bool:
        """Settle a subject's first interaction, judged or not; whether anything was bet."""
        if not self._rails:
            return False
        pi = self._guarded.draw(score.assignment)
        if pi is None:
            return False
        for rail in self._rails:
            value = guarded_value(rail.rail, score)
            if value is not None:
                rail.settle(pi, score.assignment.arm == "candidate", value)
        return True

    def _weigh(self, score: ScoreRecorded) -> None:
        before = self.e_value
        m = combine(self._weights, [f.drop.e_value for f in self._watched], self._pool.e_value)
        rails = sum(rail.weight * rail.drop.e_value for rail in self._rails)
        self.e_value = max(self._part * m, rails)
        self.peak = max(self.peak, self.e_value)
        entry = (max(self.e_value / before, before / self.e_value), -self.settled, score.interaction_id)
        if len(self._heaviest) < HEAVIEST:
            heapq.heappush(self._heaviest, entry)
        elif entry > self._heaviest[0]:
            heapq.heapreplace(self._heaviest, entry)

    # --- what it says ---------------------------------------------------------------------------------

    @property
    def breached(self) -> bool:
        """Whether M has ever reached the bar."""
        return self.peak >= self.bar

    @property
    def broke_after_rollout(self) -> bool:
        """Whether the Shiryaev-Roberts statistic has ever reached the run length after the full rollout."""
        return self.late_peak >= RUN_LENGTH

    @property
    def judges(self) -> tuple[str, ...]:
        """Every judge version seen."""
        return tuple(sorted(set().union(*(fold.judges for fold in self.folds.values()))))

    @property
    def rejudged(self) -> tuple[str, ...]:
        """Capabilities whose scores came from more than one judge version."""
        return tuple(name for name, fold in self.folds.items() if len(fold.judges) > 1)

    def summary(self) -> tuple[CapabilityEvidence, ...]:
        """Every capability's evidence in the order of the spec, then every guardrail's."""
        folds = tuple(fold.summary() for fold in self.folds.values())
        return folds + tuple(rail.summary() for rail in self._rails)

    def blamed(self) -> tuple[str, ...]:
        """Capabilities with w_k * E_k >= 1/alpha. Empty where only the drop as a whole is proven."""
        weighed = [
            *((f.watch.name, self._part * f.watch.weight * f.drop.e_value) for f in self._watched),
            *((rail.name, rail.weight * rail.drop.e_value) for rail in self._rails),
        ]
        return tuple(name for name, evidence in weighed if evidence >= self.bar)

    def leading(self, most: int = 3) -> tuple[str, ...]:
        """The watched capabilities with the most evidence, largest first; no claim that each is proven."""
        order = sorted(self._watched, key=lambda f: -f.drop.e_value * f.watch.weight)
        return tuple(f.watch.name for f in order[:most])

    def promotion_evidence(self, stage: int) -> dict[str, float]:
        """For each watched capability, the highest value its test of this stage's margin has reached."""
        return {f.watch.name: f.promotions[stage].best for f in self._watched if stage < len(f.promotions)}

    def heaviest(self) -> tuple[str, ...]:
        """The interactions that moved M most, up or down by the largest factor, heaviest first."""
        return tuple(interaction for _, _, interaction in sorted(self._heaviest, reverse=True))

    # --- snapshots ------------------------------------------------------------------------------------

    def to_snapshot(self) -> dict[str, Any]:
        """Everything, as JSON values; floats round-trip exactly."""
        return {
            "version": STATE_VERSION,
            "rollout_id": self.spec.rollout_id,
            "grid": list(GRID),
            "capabilities": {name: fold.to_dict() for name, fold in self.folds.items()},
            "guardrails": {rail.name: rail.to_dict() for rail in self._rails},
            "ratio": self.ratio.to_dict(),
            "pool": list(self._pool.wealth),
            "units": self._units.to_dict(),
            "guarded": self._guarded.to_dict(),
            "tags": dict(sorted(self.tags.items())),
            "full": self.full,
            "events": pack(self._events),
            "heaviest": [list(entry) for entry in sorted(self._heaviest)],
            "settled": self.settled,
            "untagged": self.untagged,
            "e_value": self.e_value,
            "peak": self.peak,
            "late": self.late,
            "late_peak": self.late_peak,
            "partition": self.partition,
            "first_offset": self.first_offset,
            "last_offset": self.last_offset,
            "last_score": self.last_score.model_dump(mode="json") if self.last_score else None,
            "stage": self.stage,
            "stage_units": {str(stage): units for stage, units in sorted(self.stage_units.items())},
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
        for rail in new._rails:
            rail.restore(state["guardrails"][rail.name])
        new.ratio = RatioCheck.from_dict(state["ratio"])
        new._pool.restore(state["pool"])
        new._units = Units.from_dict(state["units"])
        new._guarded = Units.from_dict(state["guarded"])
        new.tags = {str(name): int(count) for name, count in state["tags"].items()}
        new.full = bool(state["full"])
        new._events = set(unpack(state["events"]))
        new._heaviest = [(float(w), int(n), str(i)) for w, n, i in state["heaviest"]]
        heapq.heapify(new._heaviest)
        new.settled, new.untagged = int(state["settled"]), int(state["untagged"])
        new.e_value, new.peak = float(state["e_value"]), float(state["peak"])
        new.late, new.late_peak = float(state["late"]), float(state["late_peak"])
        new.partition = state["partition"]
        new.first_offset, new.last_offset = int(state["first_offset"]), int(state["last_offset"])
        last = state["last_score"]
        new.last_score = ScoreRecorded.model_validate(last) if last else None
        new.stage = int(state["stage"])
        new.stage_units = {int(stage): int(units) for stage, units in state["stage_units"].items()}
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
            score.router or "",
            score.capability or "",
            repr(score.value),
            repr(score.other_value),
            f"{score.refused:d}{score.failed:d}",
            repr(score.total_ms),
            score.judge,
            "" if score.draw is None else f"{score.draw.drawn:d}{score.draw.capability or ''}",
        )
    )
