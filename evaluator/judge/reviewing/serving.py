"""People grading over HTTP: one blinded answer after another, of what was scored of late; each grade is an event.

Unlike `belay review`, which reads the whole log for one sitting, this looks at the last scores and finds each answer by
where its score says that it lies. Only pairs are shown, and of them those with the smallest lots, the capability with
the fewest graded pairs first: which those are depends on ids and counts, and on nothing that was answered.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from evaluator.judge.judges.sampling import GRADABLE, lot
from evaluator.judge.reviewing.cases import ReviewCase, cases_of, in_order, is_evidence, is_pair
from evaluator.judge.reviewing.corrections import Corrections
from evaluator.judge.reviewing.grades import Typed, graded
from telemetry import codec, topics
from telemetry.bus.catching_up import read_to_end, skip_to_last
from telemetry.bus.protocols import Bus, Publisher, Reader, Record
from telemetry.errors import BelayError, BrokerUnavailable, UnreadableRecord
from telemetry.events import AnswerGraded, InteractionRecorded, LogPlace, ScoreRecorded
from telemetry.score_batches import scores_of

Find = Callable[[str, LogPlace], InteractionRecorded]
"""The interaction with its shadow's answer, by its id and place; raises BelayError where it cannot be had."""
LOOK_BACK: Final = 2_000
"""Records of scores that are read at first; one holds up to 250."""
MOST_PAIRS: Final = 5_000
AT_ONCE: Final = 10
"""Pairs whose answers are shown in one shuffled row, so that the two of one prompt stand apart."""
MOST_GRADERS: Final = 100


@dataclass(slots=True)
class Row:
    """What one person is shown of one rollout: the cases of a few pairs in their order, and those that are graded."""

    cases: dict[str, ReviewCase] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)

    def next(self) -> ReviewCase | None:
        """The first one that has no grade."""
        return next((case for name, case in self.cases.items() if name not in self.done), None)


class Reviews:
    """Shows cases and takes grades. Safe to use from several threads, one at a time."""

    def __init__(self, bus: Bus, find: Find) -> None:
        self._bus, self._find = bus, find
        self._lock = threading.Lock()
        self._reader: Reader | None = None
        self._publisher: Publisher | None = None
        self._pairs: OrderedDict[tuple[str, str], ScoreRecorded] = OrderedDict()
        self._graded: dict[str, AnswerGraded] = {}
        self._settled: set[tuple[str, str]] = set()
        self._rows: OrderedDict[tuple[str, str], Row] = OrderedDict()

    def show(self, rollout_id: str, grader: str) -> ReviewCase | None:
        """The next answer for this person; None where there is none now. Raises BrokerUnavailable."""
        with self._lock:
            row = self._rows.get((rollout_id, grader), Row())
            if (case := row.next()) is not None:
                return case
            self._catch_up()
            row = self._new_row(rollout_id, grader)
            self._rows[rollout_id, grader] = row
            self._rows.move_to_end((rollout_id, grader))
            if len(self._rows) > MOST_GRADERS:
                self._rows.popitem(last=False)
            return row.next()

    def take(
        self, rollout_id: str, case_id: str, grader: str, grade: float, note: str = ""
    ) -> AnswerGraded | None:
        """Publish a grade; None where this person was shown no such case. Raises UsageError, BrokerUnavailable."""
        with self._lock:
            row = self._rows.get((rollout_id, grader))
            case = None if row is None else row.cases.get(case_id)
            if row is None or case is None:
                return None
            event = graded(case, Typed(grade, note), grader=grader, rollout_id=rollout_id)
            scores = {s.interaction_id: s for (of, _), s in self._pairs.items() if of == rollout_id}
            known = [g for g in self._graded.values() if g.rollout_id == rollout_id]
            completed = Corrections(scores, known, grader).after(event)
            self._publish([event] if completed is None else [event, completed])
            self._graded[event.event_id] = event
            if completed is not None:
                self._settled.add((rollout_id, case.interaction_id))
            row.done.add(case_id)
            return event

    def left(self, rollout_id: str, grader: str) -> tuple[int, int]:
        """Answers that wait for this person, at most, and pairs that people have graded whole."""
        with self._lock:
            waiting = {
                interaction
                for of, interaction in self._pairs
                if of == rollout_id and (of, interaction) not in self._settled
            }
            mine = {
                (one.interaction_id, one.arm)
                for one in self._graded.values()
                if one.grader == grader and one.rollout_id == rollout_id and one.interaction_id in waiting
            }
            by_whom = Counter(
                (one.interaction_id, one.grader)
                for one in self._graded.values()
                if one.rollout_id == rollout_id
            )
            whole = {interaction for (interaction, _), arms in by_whom.items() if arms == 2}
            return 2 * len(waiting) - len(mine), len(whole)

    def close(self) -> None:
        """Let go of the broker."""
        for part in (self._reader, self._publisher):
            if part is not None:
                part.close()
        self._reader = self._publisher = None

    # --- what there is --------------------------------------------------------------------------------

    def _catch_up(self) -> None:
        try:
            if self._reader is None:
                self._bus.ensure_topics()
                with self._bus.reader([topics.GRADES]) as reader:
                    self._take(read_to_end(reader))
                self._reader = self._bus.reader([topics.SCORES])
                skip_to_last(self._reader, LOOK_BACK)
            self._take(read_to_end(self._reader))
        except BrokerUnavailable:
            self.close()
            raise

    def _take(self, records: Iterable[Record]) -> None:
        for record in records:
            try:
                event = codec.decode(record)
            except UnreadableRecord:  # the decider buries it
                continue
            if isinstance(event, AnswerGraded):
                self._graded[event.event_id] = event
            for score in scores_of(event):
                self._note(score)

    def _note(self, score: ScoreRecorded) -> None:
        key = score.rollout_id, score.interaction_id
        if score.corrects is not None:
            if key in self._pairs:  # what is too old to be shown need not be known to be graded
                self._settled.add(key)
        elif _is_shown(score):
            self._pairs[key] = score
            if len(self._pairs) > MOST_PAIRS:
                gone, _ = self._pairs.popitem(last=False)
                self._settled.discard(gone)

    def _new_row(self, rollout_id: str, grader: str) -> Row:
        """The cases of a few pairs that nobody has graded whole, in the order in which they are shown."""
        mine = {(g.interaction_id, g.arm) for g in self._graded.values() if g.grader == grader}
        cases: list[ReviewCase] = []
        pairs = 0
        for score in self._waiting(rollout_id):
            own = self._cases(score)
            cases += [case for case in own if (case.interaction_id, case.arm) not in mine]
            pairs += any((case.interaction_id, case.arm) not in mine for case in own)
            if pairs >= AT_ONCE:
                break
        return Row({case.id: case for case in in_order(cases)})

    def _waiting(self, rollout_id: str) -> list[ScoreRecorded]:
        mine = [(key, score) for key, score in self._pairs.items() if key[0] == rollout_id]
        done = Counter(score.capability for key, score in mine if key in self._settled)
        open_ones = sorted(
            (score for key, score in mine if key not in self._settled), key=lambda s: lot(s.interaction_id)
        )
        places: Counter[str | None] = Counter()
        ranked: list[tuple[int, int, ScoreRecorded]] = []
        for number, score in enumerate(open_ones):
            ranked.append((done[score.capability] + places[score.capability], number, score))
            places[score.capability] += 1
        return [score for _, _, score in sorted(ranked, key=lambda one: one[:2])]

    def _cases(self, score: ScoreRecorded) -> list[ReviewCase]:
        """Both answers, where both can be shown; none otherwise, and then never again."""
        assert score.logged is not None and score.capability is not None  # noqa: S101, PT018 -- `_is_shown` made sure
        try:
            found = cases_of(self._find(score.interaction_id, score.logged), score.capability, GRADABLE)
        except BrokerUnavailable:
            raise
        except BelayError:
            found = []
        if isinstance(found, str) or len(found) < 2:
            self._settled.add((score.rollout_id, score.interaction_id))
            return []
        return found

    def _publish(self, events: Iterable[AnswerGraded | ScoreRecorded]) -> None:
        if self._publisher is None:
            self._publisher = self._bus.publisher()
        for event in events:
            self._publisher.send(codec.encode(event))
        self._publisher.flush()


def _is_shown(score: ScoreRecorded) -> bool:
    return (
        is_pair(score)
        and is_evidence(score)
        and score.capability is not None
        and score.logged is not None
        and lot(score.interaction_id) < GRADABLE
    )
