"""What is remembered of one rollout's evidence, to a snapshot and from one, and what can be read off it.

What is here changes in `fold` alone.
"""

from __future__ import annotations

import heapq
from typing import Any, NamedTuple, Self

from evaluator.watch.evidence import guardrails
from evaluator.watch.evidence.anchors import AnchorCheck
from evaluator.watch.evidence.capability_fold import CapabilityFold
from evaluator.watch.evidence.grades import wealth_of
from evaluator.watch.evidence.guardrails import GuardrailFold
from evaluator.watch.evidence.missing import MissingCheck
from evaluator.watch.evidence.of_keys import OF_GUARDRAILS, KeyBound
from evaluator.watch.evidence.ratio import RatioCheck
from evaluator.watch.evidence.seen import Seen
from evaluator.watch.evidence.sequential import GRID, BroadPool
from evaluator.watch.evidence.units import Draws
from evaluator.watch.evidence.whose import Asked
from telemetry.errors import SettingsError, UnreadableRecord
from telemetry.events import CapabilityEvidence, RolloutSpec, ScoreRecorded

STATE_VERSION = 12
RUN_LENGTH = 100_000.0
"""After the full rollout: units per capability (weighted mean) until a false alarm, on average."""


class Heavy(NamedTuple):
    """An interaction that moved M by the factor `factor`; of two alike the earlier one (`after` is negative) counts.

    `traceparent` is its client's, which is kept for the links of decisions' traces.
    """

    factor: float
    after: int
    interaction_id: str
    capability: str | None
    arm: str
    value: float | None
    other_value: float | None
    partition: int
    offset: int
    traceparent: str | None = None


class EvidenceState:
    """The evidence of one rollout as it stands: young, or as a snapshot had it."""

    def __init__(self, spec: RolloutSpec) -> None:
        if not spec.stages:
            raise SettingsError(f"rollout {spec.rollout_id}: it has no stages")
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
        graded = spec.people > 0.0
        self.folds = {
            c.name: CapabilityFold(
                c, margins if c.watched else [], graded=graded, most_of_key=spec.most_of_key
            )
            for c in spec.capabilities
        }
        self._watched = [self.folds[c.name] for c in watched]
        # With guardrails the capabilities have what is left of alpha.
        left = 1.0 - guardrails.PART if spec.guardrails else 1.0
        # Grades tell of what was judged before, so that both together are no martingale: each has a part of its own.
        self._part, self._peoples = left * (1.0 - spec.people), left * spec.people
        self._graded = [fold.grades for fold in self.folds.values() if fold.grades is not None]
        self.e_value = self.peak = self._part
        self._rails = [GuardrailFold(r, guardrails.PART / len(spec.guardrails)) for r in spec.guardrails]
        self._rail_keys = KeyBound(spec.most_of_key if spec.guardrails else None, OF_GUARDRAILS)
        self._weights = [c.weight for c in watched]
        self._holding = [fold for fold in self.folds.values() if fold.watch.holds]
        self.ratio = RatioCheck()
        self.missing = MissingCheck(self.folds)
        self.anchors = AnchorCheck()
        self._blinded = False
        # The target is meant to change; pooled with the others, its gain would hide their loss.
        adjacent = {c.name for c in watched if c.role == "adjacent"}
        self._pooled = adjacent or {c.name for c in watched}
        self._pool = BroadPool()
        self.draws = Draws()
        self._seen = Seen()
        self.graded: set[str] = set()
        self._heaviest: list[Heavy] = []
        self.settled = 0
        self.untagged = 0
        self.tags: dict[str, int] = {}
        self.full = False
        self.late = 0.0
        self.late_peak = 0.0
        self.partition: int | None = None
        self.first_offset = -1
        self.last_offset = -1
        self.last_index = -1
        self.last_score: ScoreRecorded | None = None
        self.stage = 0
        self.stage_units: dict[int, int] = {}
        self.digest = ""
        self.emitted: dict[str, int] = {}

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
        """Every capability's evidence in the order of the spec, then every guardrail's, then of missing scores."""
        folds = tuple(fold.summary() for fold in self.folds.values())
        return (*folds, *(rail.summary() for rail in self._rails), self.missing.summary())

    def bars(self) -> dict[str, float]:
        """For each watched capability and guardrail, the e-value of its scores that alone would be blamed."""
        weights = {f.watch.name: self._part * f.watch.weight for f in self._watched}
        weights |= {rail.name: rail.weight for rail in self._rails}
        return {name: self.bar / weight for name, weight in weights.items() if weight > 0.0}

    def blamed(self) -> tuple[str, ...]:
        """Capabilities with w_k * E_k >= 1/alpha, of scores or of grades. Empty where only the whole is proven."""
        weighed = [
            *((f.watch.name, self._part * f.watch.weight * f.e_value) for f in self._watched),
            *((name, self._peoples / len(self._graded) * e) for name, e in self._by_people()),
            *((rail.name, rail.weight * rail.drop.e_value) for rail in self._rails),
        ]
        return tuple(dict.fromkeys(name for name, evidence in weighed if evidence >= self.bar))

    def _by_people(self) -> list[tuple[str, float]]:
        return [(name, fold.grades.e_value) for name, fold in self.folds.items() if fold.grades is not None]

    @property
    def proven_by_people(self) -> bool:
        """Whether people's grades alone make M what the bar asks for."""
        return wealth_of(self._graded, self._peoples) >= self.bar

    def refuted(self) -> tuple[str, ...]:
        """The capabilities whose judge people's grades refute."""
        if not self._graded:  # so it is nearly always, and asked after every score
            return ()
        return tuple(name for name, fold in self.folds.items() if fold.refuted)

    def whose(self, capability: str) -> Asked | None:
        """Who feels most of a capability's drop, as far as units and pairs tell them apart."""
        fold = self.folds.get(capability)
        apart = None if fold is None else fold.apart()
        return None if fold is None or apart is None else apart.mostly(fold.e_value)

    def leading(self, most: int = 3) -> tuple[str, ...]:
        """The watched capabilities with the most evidence, largest first; no claim that each is proven."""
        order = sorted(self._watched, key=lambda f: -f.e_value * f.watch.weight)
        return tuple(f.watch.name for f in order[:most])

    def unproven(self, stage: int, bar: float) -> tuple[str, ...]:
        """The watched capabilities whose test of this stage's margin has not reached `bar`."""
        tests = [(f, f.promotions[stage]) for f in self._watched if stage < len(f.promotions)]
        return tuple(f.watch.name for f, test in tests if test is not None and test.best < bar)

    def promotion_evidence(self, stage: int) -> dict[str, float]:
        """For each watched capability, the highest value its test of this stage's margin has reached."""
        tests = {f.watch.name: f.promotions[stage] for f in self._watched if stage < len(f.promotions)}
        return {name: test.best for name, test in tests.items() if test is not None}

    def unprovable(self, stage: int) -> tuple[str, ...]:
        """The capabilities whose judge cannot prove this stage's margin, whatever comes."""
        lacking = [f for f in self._watched if stage < len(f.promotions) and f.promotions[stage] is None]
        if not lacking and not self._holding:
            return ()
        return tuple(f.watch.name for f in self.folds.values() if f.watch.holds or f in lacking)

    def held(self) -> tuple[str, ...]:
        """The capabilities that a judge without say saw drop: each has an equal part of an alpha of its own."""
        holding = self._holding
        if not holding:
            return ()
        seen = [f for f in holding if not f.silenced and f.peak >= self.bar * len(holding)]
        return tuple(f.watch.name for f in seen)

    def heaviest(self) -> tuple[str, ...]:
        """The interactions that moved M most, up or down by the largest factor, heaviest first."""
        return tuple(heavy.interaction_id for heavy in self.weighed())

    def weighed(self) -> tuple[Heavy, ...]:
        """The same with what is known of them."""
        return tuple(sorted(self._heaviest, key=lambda heavy: heavy[:2], reverse=True))

    # --- snapshots ------------------------------------------------------------------------------------

    def to_snapshot(self) -> dict[str, Any]:
        """Everything but whom it met, as JSON values; floats round-trip exactly.

        Whom it met is in `draws.taken()`, entries of which those of all snapshots together belong to the last one.
        """
        return {
            "version": STATE_VERSION,
            "rollout_id": self.spec.rollout_id,
            "grid": list(GRID),
            "capabilities": {name: fold.to_dict() for name, fold in self.folds.items()},
            "guardrails": {rail.name: rail.to_dict() for rail in self._rails},
            "guardrail_keys": self._rail_keys.to_dict(),
            "ratio": self.ratio.to_dict(),
            "missing": self.missing.to_dict(),
            "anchors": self.anchors.to_dict(),
            "pool": list(self._pool.wealth),
            "draws": self.draws.to_dict(),
            "seen": self._seen.to_dict(),
            "graded": sorted(self.graded),
            "tags": dict(sorted(self.tags.items())),
            "full": self.full,
            "heaviest": [list(entry[:-1]) for entry in self.weighed()],
            "traces": {one.interaction_id: one.traceparent for one in self.weighed() if one.traceparent},
            "settled": self.settled,
            "untagged": self.untagged,
            "e_value": self.e_value,
            "peak": self.peak,
            "late": self.late,
            "late_peak": self.late_peak,
            "partition": self.partition,
            "first_offset": self.first_offset,
            "last_offset": self.last_offset,
            "last_index": self.last_index,
            "last_score": self.last_score.model_dump(mode="json") if self.last_score else None,
            "stage": self.stage,
            "stage_units": {str(stage): units for stage, units in sorted(self.stage_units.items())},
            "digest": self.digest,
            "emitted": dict(self.emitted),
        }

    @classmethod
    def from_snapshot(cls, spec: RolloutSpec, state: dict[str, Any], entries: bytes | None) -> Self:
        """The evidence that `to_snapshot` wrote, with all entries of `draws` from the first on.

        None for the entries gives evidence to look at: it knows nobody, and is not to be settled.

        Raises UnreadableRecord where it is not this rollout's, or not whole.
        """
        new = cls(spec)
        new._check_snapshot(state)
        try:
            new._restore(state, entries)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise UnreadableRecord(
                f"snapshot of rollout {spec.rollout_id!r} is not what version {STATE_VERSION} writes: {error!r}",
                hint="Fold the scores from the beginning instead.",
            ) from error
        return new

    def _restore(self, state: dict[str, Any], entries: bytes | None) -> None:
        for name, fold in self.folds.items():
            fold.restore(state["capabilities"][name])
        for rail in self._rails:
            rail.restore(state["guardrails"][rail.name])
        # Snapshots had none once. Where keys are bounded one without is refused: it counted by another rule.
        self._rail_keys.restore(state.get("guardrail_keys", {}))
        self.ratio = RatioCheck.from_dict(state["ratio"])
        self.missing = MissingCheck.from_dict(state["missing"])
        # Snapshots had no anchors once.
        self.anchors = AnchorCheck.from_dict(state.get("anchors", {}))
        self._silence()
        self._pool.restore(state["pool"])
        if entries is not None:
            self.draws = Draws.restored(state["draws"], entries)
        self._seen = Seen.from_dict(state["seen"])
        self.graded = {str(short) for short in state["graded"]}
        self.tags = {str(name): int(count) for name, count in state["tags"].items()}
        self.full = bool(state["full"])
        # Snapshots had no traces once, and those who wrote them still read ours beside us.
        traces = state.get("traces", {})
        self._heaviest = [
            Heavy(float(w), int(n), str(i), *rest)._replace(traceparent=traces.get(i))
            for w, n, i, *rest in state["heaviest"]
        ]
        heapq.heapify(self._heaviest)
        self.settled, self.untagged = int(state["settled"]), int(state["untagged"])
        self.e_value, self.peak = float(state["e_value"]), float(state["peak"])
        self.late, self.late_peak = float(state["late"]), float(state["late_peak"])
        self.partition = state["partition"]
        self.first_offset, self.last_offset = int(state["first_offset"]), int(state["last_offset"])
        self.last_index = int(state["last_index"])
        last = state["last_score"]
        self.last_score = ScoreRecorded.model_validate(last) if last else None
        self.stage = int(state["stage"])
        self.stage_units = {int(stage): int(units) for stage, units in state["stage_units"].items()}
        self.digest = str(state["digest"])
        self.emitted = {str(key): int(at) for key, at in state["emitted"].items()}

    def _silence(self) -> None:
        """Take the say from capabilities whose judge changed."""
        for name in self.anchors.blind() & self.folds.keys():
            self.folds[name].drifted = True
        self._blinded = any(fold.drifted for fold in self._watched)

    def _check_snapshot(self, state: dict[str, Any]) -> None:
        if state.get("version") != STATE_VERSION or state.get("rollout_id") != self.spec.rollout_id:
            raise UnreadableRecord(
                f"snapshot of rollout {state.get('rollout_id')!r}, version {state.get('version')!r}; "
                f"expected {self.spec.rollout_id!r}, version {STATE_VERSION}",
                hint="Fold the scores from the beginning instead.",
            )
        if list(self.folds) != list(state.get("capabilities", ())) or list(GRID) != state.get("grid"):
            raise UnreadableRecord(
                f"snapshot of rollout {self.spec.rollout_id!r} has other capabilities or bets than expected",
                hint="Fold the scores from the beginning instead.",
            )
