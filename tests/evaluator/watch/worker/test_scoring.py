"""The scorer at work: every interaction once or more, never less."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import pytest

from evaluator.judge.judges.judge import Judge
from evaluator.judge.tagging.tagger import Tag
from evaluator.watch.evidence.fold import RolloutEvidence
from evaluator.watch.worker.joining import Joiner
from evaluator.watch.worker.portion import Portion
from evaluator.watch.worker.scoring import ALONE_AT_ONCE, Scorer
from telemetry import codec, topics
from telemetry.bus.memory_bus import MemoryBus, MemoryReader
from telemetry.bus.protocols import Record
from telemetry.errors import BrokerUnavailable
from telemetry.events import InteractionRecorded, ScoreRecorded, ShadowAnswered, ShadowDraw, SpoolPlace
from tests.evaluator.support.briefs import brief
from tests.evaluator.support.interactions import answer, interaction
from tests.evaluator.support.logs import DiesAtCommit, GoesAway, events, publish, publish_raw
from tests.evaluator.support.scores import rollout, score

JUDGE = Judge(brief())


class FirstWord:
    """Tags a prompt with its first word, where that is a capability."""

    version = "first-word"

    def tag(self, prompts: Sequence[str]) -> list[Tag]:
        words = [prompt.split(" ")[0] for prompt in prompts]
        return [Tag(capability=w if w in ("facts", "sums") else None, confidence=1.0) for w in words]


@pytest.fixture
def bus() -> MemoryBus:
    bus = MemoryBus()
    bus.ensure_topics()
    return bus


def drain(bus: MemoryBus, portion: Portion | None = None) -> Scorer:
    scorer = Scorer(bus, FirstWord(), JUDGE, portion=portion)
    while scorer.step(0.0):
        pass
    scorer.close()
    return scorer


def test_every_interaction_becomes_one_score(bus: MemoryBus) -> None:
    publish(bus, [interaction(n, given=answer(text)) for n, text in enumerate(["It is right0.", "No."])])
    counts = drain(bus).counts
    assert {s.interaction_id: s.value for s in events(bus, topics.SCORES)} == {
        "interaction-0": 1.0,
        "interaction-1": 0.0,
    }
    assert (counts.interactions, counts.scored, counts.unscored) == (2, 2, {})


@pytest.mark.parametrize("waited_ms", [None, 30_000.0])
@pytest.mark.parametrize(("late_ms", "told"), [(2_500, 2.5), (-40, 0.0)])
def test_how_long_after_its_answer_an_interaction_was_in_kafka_is_told(
    bus: MemoryBus, late_ms: int, told: float, waited_ms: float | None
) -> None:
    """By the clocks of two machines, which may be apart: never less than nothing. A fallback is answered later."""
    fallback = None if waited_ms is None else "timeout"
    one = interaction(0, fallback=fallback, fell_back_ms=waited_ms)
    encoded = codec.encode(one)
    answered_ms = one.time.timestamp() * 1e3 + (waited_ms or 0.0) + one.answer.total_ms
    with bus.publisher() as publisher:
        where = (encoded.topic, 0, 0, encoded.key, encoded.headers, encoded.value)
        publisher.send_to(Record(*where, round(answered_ms) + late_ms))
        publisher.flush()
    assert drain(bus).counts.sent_s == pytest.approx(told, abs=0.001)


def test_an_unscored_interaction_is_published_with_its_reason(bus: MemoryBus) -> None:
    publish(bus, [interaction(prompt="what is this about")])
    counts = drain(bus).counts
    assert [s.unscored for s in events(bus, topics.SCORES)] == ["untagged"]
    assert counts.unscored == {"untagged": 1}


def test_what_was_committed_is_not_read_again(bus: MemoryBus) -> None:
    publish(bus, [interaction(n) for n in range(5)])
    drain(bus)
    publish(bus, [interaction(5)])
    assert drain(bus).counts.interactions == 1
    assert len(events(bus, topics.SCORES)) == 6


def test_nothing_is_committed_before_it_is_in_kafka(bus: MemoryBus, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(bus, [interaction(n) for n in range(3)])
    dying = Scorer(bus, FirstWord(), JUDGE)
    monkeypatch.setattr(dying, "_reader", GoesAway(bus, dying._reader))
    with pytest.raises(BrokerUnavailable):
        dying.step(0.0)
    dying.close()
    bus.down = False
    assert not events(bus, topics.SCORES)
    drain(bus)
    assert len(events(bus, topics.SCORES)) == 3


def test_a_record_that_cannot_be_read_becomes_a_dead_letter_and_stops_nobody(bus: MemoryBus) -> None:
    publish(bus, [interaction(0)])
    publish_raw(bus, topics.INTERACTIONS, b"\x00nonsense")
    publish(bus, [interaction(1)])
    counts = drain(bus).counts
    (letter,) = events(bus, topics.DEAD_LETTERS)
    assert (letter.topic, letter.payload) == (topics.INTERACTIONS, "AG5vbnNlbnNl")
    assert letter.reason
    assert (counts.scored, counts.dead) == (2, 1)


def test_an_event_of_another_kind_becomes_a_dead_letter(bus: MemoryBus) -> None:
    class Misplaced(type(score(0))):  # type: ignore[misc]  # a score on the wrong topic
        TOPIC = topics.INTERACTIONS

    publish(bus, [Misplaced.model_validate(score(0).model_dump())])
    drain(bus)
    (letter,) = events(bus, topics.DEAD_LETTERS)
    assert "does not belong in belay.interactions" in letter.reason


# --- with shadows ------------------------------------------------------------------------------------

DRAWN = ShadowDraw(capability=None, fraction=1.0, drawn=True)


def shadow_of(own: InteractionRecorded, text: str = "No.") -> ShadowAnswered:
    return ShadowAnswered(
        source="test", interaction_id=own.event_id, rollout_id=own.rollout_id, assignment=own.assignment,
        text_policy="full", shadow=answer(text, by="candidate"), spooled=place(2),
    )  # fmt: skip


def place(offset: int) -> SpoolPlace:
    return SpoolPlace(spool="a", segment=1, offset=offset)


def scored(bus: MemoryBus) -> list[ScoreRecorded]:
    return [event for event in events(bus, topics.SCORES) if isinstance(event, ScoreRecorded)]


def test_a_shadows_answer_is_scored_with_its_interaction(bus: MemoryBus) -> None:
    own = interaction(0, draw=DRAWN, spooled=place(1))
    publish(bus, [own, shadow_of(own)])
    scorer = drain(bus)
    (found,) = scored(bus)
    assert (found.interaction_id, found.value, found.other_value) == (own.event_id, 1.0, 0.0)
    assert (scorer.counts.interactions, scorer.counts.scored, scorer.counts.held) == (1, 1, 0)
    assert events(bus, topics.DEAD_LETTERS) == []


def test_an_interaction_that_waits_for_its_shadow_is_read_again_by_whoever_comes_next(bus: MemoryBus) -> None:
    own = interaction(0, draw=DRAWN, spooled=place(1))
    publish(bus, [own, interaction(1)])
    assert drain(bus).counts.held == 1
    assert [s.interaction_id for s in scored(bus)] == ["interaction-1"]
    publish(bus, [shadow_of(own)])
    drain(bus)
    assert scored(bus)[-1].other_value == 0.0
    assert drain(bus).counts.interactions == 0, "all is committed now"


def test_what_waits_for_a_shadow_asks_no_broker_where_its_reader_stands(
    bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(_: MemoryReader) -> NoReturn:
        raise AssertionError("a broker that is away answers this after its time-out, partition by partition")

    monkeypatch.setattr(MemoryReader, "positions", asked)
    own = interaction(0, draw=DRAWN, spooled=place(1))
    publish(bus, [own])
    scorer = Scorer(bus, FirstWord(), JUDGE)
    while scorer.step(0.0):
        pass
    publish(bus, [shadow_of(own)])
    while scorer.step(0.0):
        pass
    scorer.close()
    assert [found.other_value for found in scored(bus)] == [0.0]


def test_an_interaction_whose_shadow_never_comes_is_scored_without_a_pair(bus: MemoryBus) -> None:
    publish(bus, [interaction(0, draw=DRAWN, spooled=place(1))])
    scorer = Scorer(bus, FirstWord(), JUDGE, joiner=Joiner(patience_s=0.0))
    while scorer.step(0.0):
        pass
    scorer.step(0.0)
    scorer.close()
    (found,) = scored(bus)
    assert (found.unscored, found.value, scorer.counts.alone) == ("no_pair", None, 1)
    assert drain(bus).counts.interactions == 0, "all is committed now"


def folded(bus: MemoryBus) -> RolloutEvidence:
    evidence = RolloutEvidence(rollout())
    for offset, one in enumerate(scored(bus)):
        evidence.settle(one, 0, offset)
    return evidence


def test_a_shadow_that_comes_after_its_interaction_was_scored_alone_and_a_crash_counts_nothing_twice(
    bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = interaction(0, draw=DRAWN, spooled=place(1))
    publish(bus, [own])
    dying = Scorer(bus, FirstWord(), JUDGE, joiner=Joiner(patience_s=0.0))
    dying.step(0.0)
    monkeypatch.setattr(dying, "_reader", DiesAtCommit(dying._reader))
    with pytest.raises(SystemExit):
        dying.step(0.0)
    dying.close()
    publish(bus, [shadow_of(own)])
    drain(bus)
    assert [(s.interaction_id, s.other_value) for s in scored(bus)] == [
        (own.event_id, None),
        (own.event_id, 0.0),
    ]
    assert folded(bus).settled == 1


def test_no_more_leave_alone_before_a_commit_than_the_evidence_remembers(bus: MemoryBus) -> None:
    many = ALONE_AT_ONCE + 3
    publish(bus, [interaction(n, draw=DRAWN, spooled=place(n)) for n in range(many)])
    scorer = Scorer(bus, FirstWord(), JUDGE, joiner=Joiner(patience_s=0.0))
    while not scored(bus):
        scorer.step(0.0)
    assert len(scored(bus)) == ALONE_AT_ONCE
    scorer.step(0.0)
    scorer.close()
    assert len(scored(bus)) == many
    assert drain(bus).counts.interactions == 0, "all is committed now"


def test_of_two_portions_each_scores_its_own_and_together_they_score_everything_once(bus: MemoryBus) -> None:
    sql = Portion("acme/sql", models=frozenset({"acme/sql"}))
    rest = Portion(others=sql.models)
    asked = ["support", "acme/sql", "anything", "acme/sql", ""]
    publish(bus, [interaction(n).model_copy(update={"model": model}) for n, model in enumerate(asked)])
    publish_raw(bus, topics.INTERACTIONS, b"no event")
    counts = [drain(bus, portion).counts for portion in (rest, sql)]
    assert [c.interactions for c in counts] == [3, 2]
    assert sorted(s.interaction_id for s in events(bus, topics.SCORES)) == [
        f"interaction-{n}" for n in range(len(asked))
    ]
    assert [c.dead for c in counts] == [1, 0]
    assert drain(bus, sql).counts.interactions == 0, "what is passed over is committed too"
