"""How a score changes the evidence of its rollout: a deterministic fold over `belay.scores` in offset order.

Whoever folds the same scores, in one go or from any snapshot, comes to the same bits. Bets are set from the
past before a score is looked at; an interaction is used once: as a pair where both arms answered it and its subject
has not had its part of the pairs (`repeats`), else as its subject's unit, else (a subject that came back, or a shadow
that was drawn and gave no score) only to learn the arms' means. What is remembered between two scores is in `state`.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Sequence

from evaluator.judge.judges.sampling import GRADABLE, lot
from evaluator.watch.evidence.capability_fold import CapabilityFold
from evaluator.watch.evidence.grades import wealth_of
from evaluator.watch.evidence.guardrails import guarded_value
from evaluator.watch.evidence.memory import hashed
from evaluator.watch.evidence.repeats import OF_PROMPT
from evaluator.watch.evidence.sequential import combine
from evaluator.watch.evidence.state import EvidenceState, Heavy
from evaluator.watch.evidence.units import Drawn
from telemetry.errors import UnreadableRecord
from telemetry.events import Judged, ScoreRecorded

HEAVIEST = 10
MOST_GRADED = 4_096
"""Pairs whose grades are taken in. With as many, what a judge adds is known to a point."""


class RolloutEvidence(EvidenceState):
    """All evidence of one rollout. `settle` every score in offset order, then ask `decide.decide`."""

    def settle(self, score: ScoreRecorded, partition: int, offset: int, index: int = 0) -> bool:
        """Fold one score in; False where it changes nothing (already folded, or its interaction was).

        `offset` is its record's, `index` its own among the scores of that record. Raises UnreadableRecord, changing
        nothing, for a rollout, capability, stage or partition that is not ours.
        """
        self._check(score, partition, offset)
        if (offset, index) <= (self.last_offset, self.last_index):
            return False
        if not (self._seen.add(score) if score.corrects is None else self._takes(score)):
            return False
        if self.partition is None:
            self.partition, self.first_offset = partition, offset
        self.last_offset, self.last_index = offset, index
        self.last_score = score
        self.settled += 1
        self.stage = max(self.stage, score.assignment.stage)
        self.full = self.full or score.assignment.share > self.spec.stages[-1].share
        line = _line(self.digest, score, keys=self.spec.most_of_key is not None)
        self.digest = hashlib.sha256(line.encode()).hexdigest()
        if score.corrects is not None:
            self._settle_grades(score, score.corrects)
            self._weigh(score)
            return True
        if score.draw is not None:
            self._count_tag(score.draw.capability)
        who = Drawn(score.assignment)
        guarded = self._settle_assignment(score, who)
        factors = None
        if score.capability is not None:
            self.folds[score.capability].tally.tagged(score.tag_confidence)
        if score.capability is None:
            self.untagged += 1
        elif score.value is None:
            self.folds[score.capability].tally.unscored += 1
        else:
            factors = self._settle_value(self.folds[score.capability], score, score.value, who)
        self.draws.note(who)
        if self._settle_anchor(score) or factors is not None or guarded:
            self._weigh(score)
        return True

    def _settle_anchor(self, score: ScoreRecorded) -> bool:
        """Settle what the judge said of a known answer; whether a capability has no say any more for it."""
        if score.anchor is None or score.capability is None:
            return False
        self.anchors.add(score.anchor, score.capability)
        before = [fold.drifted for fold in self.folds.values()]
        self._silence()
        return before != [fold.drifted for fold in self.folds.values()]

    def _takes(self, score: ScoreRecorded) -> bool:
        """Whether these are the first grades of a pair, and of one whose grades count."""
        fold = self.folds.get(score.capability or "")
        if fold is None or fold.grades is None or len(self.graded) >= MOST_GRADED:
            return False
        if lot(score.interaction_id) >= GRADABLE:
            return False
        short = hashlib.blake2b(score.interaction_id.encode(), digest_size=8).hexdigest()
        new = short not in self.graded
        self.graded.add(short)
        return new

    def _settle_grades(self, score: ScoreRecorded, judged: Judged) -> None:
        """Settle people's grades of both answers of a pair; they tell of the judge whose scores are in the evidence."""
        fold = self.folds[score.capability or ""]
        assert fold.grades is not None and score.value is not None and score.other_value is not None  # noqa: S101, PT018 -- `_takes` and the event made sure; tells mypy
        own, other = (score.value, score.other_value), (judged.value, judged.other_value)
        if score.assignment.arm == "candidate":
            own, other = own[::-1], other[::-1]
        drawn = Drawn(score.assignment)
        asked, most = self._asker(fold, score, drawn)
        if not fold.grades.askers.admits(asked, most) or not fold.keys.admits("grades", score.by_key):
            return
        gap = None if other[0] is None or other[1] is None else other[0] - other[1]
        fold.grades.graded(*own, gap if fold.judges == {score.judge} else None)

    def _count_tag(self, capability: str | None) -> None:
        """Draws are a fair sample of all prompts, so their tags tell what traffic consists of."""
        name = capability if capability in self.folds else ""
        self.tags[name or ""] = self.tags.get(name or "", 0) + 1

    def _check(self, score: ScoreRecorded, partition: int, offset: int) -> None:
        if (wrong := self._wrong(score, partition)) is not None:
            raise UnreadableRecord(f"score {score.event_id} at {partition}/{offset}: {wrong}")

    def _wrong(self, score: ScoreRecorded, partition: int) -> str | None:
        if score.rollout_id != self.spec.rollout_id:
            return f"rollout {score.rollout_id!r}, expected {self.spec.rollout_id!r}"
        if score.capability is not None and score.capability not in self.folds:
            return f"capability {score.capability!r} is not among {', '.join(self.folds)}"
        if not 0 <= score.assignment.stage < len(self.spec.stages):
            return f"stage {score.assignment.stage}, of which this rollout has {len(self.spec.stages)}"
        if self.partition is not None and partition != self.partition:
            return f"this rollout's scores lie in partition {self.partition}, and two have no order"
        return None

    def _settle_value(
        self, fold: CapabilityFold, score: ScoreRecorded, value: float, drawn: Drawn
    ) -> Sequence[float] | None:
        """Settle a score of a capability; the factors, None where nothing was bet."""
        who = score.assignment
        candidate = who.arm == "candidate"
        fold.judges.add(score.judge)
        pi = self.draws.draw("scored", drawn)
        other = score.other_value
        if score.draw is not None and score.draw.drawn:
            pi = None  # a pair or nothing: whether the shadow gave a score may depend on the arm
        if self._too_often(fold, score, drawn, unit=pi is not None):
            fold.tally.set_aside += 1
            return None
        if other is not None:
            factors = fold.pair(other, value) if candidate else fold.pair(value, other)
            if fold.grades is not None:
                fold.grades.judged(lot(score.interaction_id), other - value if candidate else value - other)
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
                    w * f.after.statistic
                    for w, f in zip(self._weights, self._watched, strict=True)
                    if not f.silenced
                )
                self.late_peak = max(self.late_peak, self.late)
        return factors

    @staticmethod
    def _asker(fold: CapabilityFold, score: ScoreRecorded, drawn: Drawn) -> tuple[int | None, int]:
        """Who asked, or what nobody in particular asked, and how much of a window that may be."""
        if drawn.identity is not None:
            return drawn.identity.hash, fold.most
        return (None if score.prompt is None else hashed(score.prompt)), OF_PROMPT

    @staticmethod
    def _too_often(fold: CapabilityFold, score: ScoreRecorded, drawn: Drawn, *, unit: bool) -> bool:
        """Whether who asked, or what nobody in particular asked, has its part of the evidence already, or its API key.

        Of the score only whether it is a pair is looked at, never its value (`repeats`, `of_keys`).
        """
        paired = score.other_value is not None
        if not paired and not unit:
            return False
        if paired or drawn.identity is None:
            asked, most = RolloutEvidence._asker(fold, score, drawn)
            if not (fold.pairs if paired else fold.units).admits(asked, most):
                return True
        return not fold.keys.admits("pairs" if paired else "units", score.by_key)

    def _settle_assignment(self, score: ScoreRecorded, drawn: Drawn) -> bool:
        """Settle what every interaction tells, judged or not: its draw, its guardrails; whether anything was bet."""
        who = score.assignment
        candidate = who.arm == "candidate"
        pi = self.draws.draw("assigned", drawn)
        self.missing.add(score, drawn, self.draws)
        if pi is None:
            return False
        self.ratio.add(pi, candidate, who.subject_source, score.router)
        if score.unscored == "no_evidence" or not self._rails:
            return False
        if not self._rail_keys.admits("guarded", score.by_key):
            for rail in self._rails:
                rail.set_aside += 1
            return False
        for rail in self._rails:
            value = guarded_value(rail.rail, score)
            if value is not None:
                rail.settle(pi, candidate, value)
        return True

    def _weigh(self, score: ScoreRecorded) -> None:
        before = self.e_value
        refuted = bool(self._graded) and any(f.refuted for f in self._watched)
        pooled = 0.0 if refuted or self._blinded else self._pool.e_value
        m = combine(self._weights, [f.e_value for f in self._watched], pooled)
        rails = sum(rail.weight * rail.drop.e_value for rail in self._rails)
        self.e_value = max(self._part * m, rails, wealth_of(self._graded, self._peoples))
        self.peak = max(self.peak, self.e_value)
        if min(before, self.e_value) <= 0.0:
            return  # every judge of what is watched was silenced: no score moves M
        factor = max(self.e_value / before, before / self.e_value)
        entry = Heavy(factor, -self.settled, *_shown(score), traceparent=score.traceparent)
        if len(self._heaviest) < HEAVIEST:
            heapq.heappush(self._heaviest, entry)
        elif entry > self._heaviest[0]:
            heapq.heapreplace(self._heaviest, entry)


def _shown(score: ScoreRecorded) -> tuple[str, str | None, str, float | None, float | None, int, int]:
    """What is kept of a score that weighs much; its place is -1/-1 where it names none."""
    at = score.logged
    place = (-1, -1) if at is None else (at.partition, at.offset)
    return (
        score.interaction_id,
        score.capability,
        score.assignment.arm,
        score.value,
        score.other_value,
        *place,
    )


def _line(previous: str, score: ScoreRecorded, *, keys: bool) -> str:
    """What the hash chain covers: everything of a score that the fold looks at, of `keys` where they are bounded."""
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
            score.unscored or "",
            repr(score.other_value),
            f"{score.refused:d}{score.failed:d}",
            repr(score.total_ms),
            score.judge,
            "" if score.draw is None else f"{score.draw.drawn:d}{score.draw.capability or ''}",
            "" if (at := score.spooled) is None else f"{at.spool}/{at.segment}/{at.offset}",
            "" if (held := score.logged) is None else f"{held.partition}/{held.offset}",
            score.prompt or "",
            # Nothing where there is none: proofs of before keep their hashes.
            *(() if (was := score.corrects) is None else (f"{was.value!r}/{was.other_value!r}",)),
            *(() if score.anchor is None else (score.anchor.model_dump_json(),)),
            *(() if score.by_key is None or not keys else (f"key:{score.by_key}",)),
        )
    )
