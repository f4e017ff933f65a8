"""A slow judge holds up neither the consumer nor what comes before it; order and effects stay as they are."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from evaluator.judge.judges.case import Case
from evaluator.judge.judges.means import Means
from evaluator.verifiers import Judgement
from evaluator.watch.worker.scoring import Scorer
from telemetry import topics
from telemetry.bus.memory_bus import MemoryBus
from tests.evaluator.support.interactions import answer, interaction
from tests.evaluator.support.logs import events, publish
from tests.evaluator.watch.worker.test_scoring import FirstWord

PATIENCE_S = 20.0
QUICK, SLOW = "facts quick", "facts slow"


class Thinks:
    """A judge that thinks about some prompts until it is told to speak."""

    version = "thinks"

    def __init__(self) -> None:
        self.speak = threading.Event()
        self.asked = threading.Semaphore(0)

    def means(self, capability: str, prompt: str, *, paired: bool, interaction: str) -> Means:  # noqa: ARG002
        return Means("endpoint" if prompt.endswith("slow") else "reference")

    def judge_case(self, case: Case, means: Means) -> Judgement:
        if means.slow:
            self.asked.release()
            assert self.speak.wait(PATIENCE_S)
        return Judgement(1.0 if case.answer == "good" else 0.0, "thought about it", basis="model")

    def judge_pair(self, control: Case, candidate: Case, means: Means) -> tuple[Judgement, Judgement]:
        return self.judge_case(control, means), self.judge_case(candidate, means)


@pytest.fixture
def bus() -> MemoryBus:
    bus = MemoryBus()
    bus.ensure_topics()
    return bus


@pytest.fixture
def judge() -> Iterator[Thinks]:
    judge = Thinks()
    yield judge
    judge.speak.set()


def sent(bus: MemoryBus, *prompts: str, first: int = 0) -> None:
    """Interactions of one subject, and so of one partition, where there is an order."""
    who = interaction().assignment
    publish(
        bus,
        [
            interaction(first + n, prompt=prompt, given=answer("good"), assignment=who)
            for n, prompt in enumerate(prompts)
        ],
    )


def scores(bus: MemoryBus) -> list[tuple[str, float | None, str | None]]:
    return [(s.interaction_id, s.value, s.unscored) for s in events(bus, topics.SCORES)]


def until_empty(scorer: Scorer) -> None:
    while scorer.waiting:
        scorer.step(0.01)


def until_read_and_empty(scorer: Scorer) -> None:
    scorer.step(0.0)
    until_empty(scorer)


def test_the_consumer_goes_on_while_a_judge_thinks_and_scores_keep_their_order(
    bus: MemoryBus, judge: Thinks
) -> None:
    scorer = Scorer(bus, FirstWord(), judge)
    sent(bus, QUICK, SLOW, QUICK)
    scorer.step(0.0)
    assert judge.asked.acquire(timeout=PATIENCE_S)
    sent(bus, QUICK, first=3)
    scorer.step(0.0)
    assert scorer.counts.interactions == 4, "all were read while the judge still thinks"
    assert [name for name, *_ in scores(bus)] == ["interaction-0"]
    judge.speak.set()
    until_empty(scorer)
    assert scores(bus) == [(f"interaction-{n}", 1.0, None) for n in range(4)]
    scorer.close()


def test_what_waits_for_a_judge_is_not_committed(bus: MemoryBus, judge: Thinks) -> None:
    dying = Scorer(bus, FirstWord(), judge)
    sent(bus, QUICK, SLOW, QUICK)
    dying.step(0.0)
    dying.close()
    judge.speak.set()
    next_one = Scorer(bus, FirstWord(), judge)
    next_one.step(0.0)
    until_empty(next_one)
    assert next_one.counts.interactions == 2, "the first has left, and the line goes on behind it"
    assert [name for name, *_ in scores(bus)] == [f"interaction-{n}" for n in range(3)]
    next_one.close()


def test_those_that_come_when_the_line_is_full_are_unscored_whatever_was_answered(
    bus: MemoryBus, judge: Thinks
) -> None:
    scorer = Scorer(bus, FirstWord(), judge, waiting=2)
    sent(bus, SLOW, SLOW, SLOW, QUICK)
    scorer.step(0.0)
    assert scorer.counts.waiting == 2
    judge.speak.set()
    until_empty(scorer)
    assert [code for _, _, code in scores(bus)] == [None, None, "over_budget", None]
    assert scorer.counts.unscored == {"over_budget": 1}
    scorer.close()


def test_a_judge_that_never_answers_is_given_up_and_the_line_goes_on(bus: MemoryBus, judge: Thinks) -> None:
    scorer = Scorer(bus, FirstWord(), judge, deadline_s=0.0)
    sent(bus, SLOW, QUICK)
    scorer.step(0.0)
    assert scores(bus) == [("interaction-0", None, "failed"), ("interaction-1", 1.0, None)]
    (lost, _) = events(bus, topics.SCORES)
    assert lost.unscored_why == "no judgement: thinks: no judgement within 0 s"
    scorer.close()


def test_judgements_are_made_side_by_side(bus: MemoryBus, judge: Thinks) -> None:
    scorer = Scorer(bus, FirstWord(), judge, at_once=3)
    sent(bus, *[SLOW] * 5)
    scorer.step(0.0)
    assert all(judge.asked.acquire(timeout=PATIENCE_S) for _ in range(3))
    assert not judge.asked.acquire(blocking=False), "three threads, three judgements"
    judge.speak.set()
    until_empty(scorer)
    assert len(scores(bus)) == 5
    scorer.close()


def test_a_defect_in_a_judge_ends_the_scorer_and_loses_nothing(bus: MemoryBus, judge: Thinks) -> None:
    class Broken(Thinks):
        def judge_case(self, case: Case, means: Means) -> Judgement:  # noqa: ARG002 - a judge's shape
            raise ZeroDivisionError

    broken = Scorer(bus, FirstWord(), Broken())
    sent(bus, SLOW)
    with pytest.raises(ZeroDivisionError):
        until_read_and_empty(broken)
    broken.close()
    judge.speak.set()
    whole = Scorer(bus, FirstWord(), judge)
    whole.step(0.0)
    until_empty(whole)
    assert scores(bus) == [("interaction-0", 1.0, None)]
    whole.close()
