"""What the worker tells people: when, and that it is what the evidence holds."""

from __future__ import annotations

import pytest

from evaluator.judge.judges.client import Reply
from evaluator.judge.judges.counted import Asked
from evaluator.judge.judges.usage import Usage
from evaluator.watch.evidence.fold import RolloutEvidence
from evaluator.watch.worker.reporting import (
    ANYWAY_S,
    EVERY_S,
    Beside,
    Reporter,
    judges_asked,
    watch_report,
    worker_report,
)
from evaluator.watch.worker.saving import Keeper
from evaluator.watch.worker.status import WorkerStatus
from evaluator.watch.worker.tracked import Tracked
from telemetry import codec
from telemetry.bus.protocols import Encoded, Record
from telemetry.events import (
    Event,
    JudgeAsked,
    JudgeTokens,
    LogPlace,
    TokenPrice,
    WatchReported,
    WorkerReported,
)
from tests.evaluator.support.logs import announced
from tests.evaluator.support.scores import rollout, score, stream

MEANS = {"target": (0.8, 0.9), "facts": (0.9, 0.2), "json": (0.9, 0.9)}
STATUS = WorkerStatus(judge="j", tagger="t")


def tracked(count: int) -> Tracked:
    found = Tracked(announced(rollout()), RolloutEvidence(rollout()), Keeper("r1"))
    for offset, one in enumerate(stream(count, seed=1, means=MEANS)):
        found.evidence.settle(one, 0, offset)
    return found


def read(encoded: Encoded) -> Event:
    return codec.decode(Record(encoded.topic, 0, 0, encoded.key, encoded.headers, encoded.value, 0))


def kinds(reporter: Reporter, one: Tracked, now: float) -> list[type[Event]]:
    return [type(read(encoded)) for encoded in reporter.records([one], STATUS, now)]


def test_a_report_comes_when_something_changed_and_at_most_once_a_second() -> None:
    reporter, one = Reporter("w"), tracked(10)
    assert kinds(reporter, one, 100.0) == [WatchReported, WorkerReported]
    assert kinds(reporter, one, 100.0 + EVERY_S) == []
    one.evidence.settle(score(500), 0, 500)
    assert kinds(reporter, one, 100.0 + EVERY_S / 2) == []
    assert kinds(reporter, one, 100.0 + 2 * EVERY_S) == [WatchReported]


def test_it_is_said_again_after_a_while_though_nothing_changed() -> None:
    reporter, one = Reporter("w"), tracked(10)
    kinds(reporter, one, 0.0)
    assert kinds(reporter, one, ANYWAY_S + 1.0) == [WatchReported, WorkerReported]


def test_nothing_is_said_of_a_rollout_that_is_over() -> None:
    one = tracked(10)
    one.over = True
    assert kinds(Reporter("w"), one, 0.0) == [WorkerReported]


def test_the_report_says_what_the_evidence_holds() -> None:
    one = tracked(900)
    found = watch_report(one)
    assert found.evidence == one.evidence.summary()
    assert (found.settled, found.e_value, found.bar) == (900, one.evidence.e_value, one.evidence.bar)
    facts = next(change for change in found.changes if change.capability == "facts")
    assert facts.high < -0.3
    assert [weighed.interaction_id for weighed in found.heaviest] == list(one.evidence.heaviest())
    assert found.heaviest[0].capability == "facts"
    assert found.imbalances[0].where == "all subjects"
    assert found.mistagged == pytest.approx(dict.fromkeys(MEANS, 0.1))


def test_what_weighed_most_says_where_it_lies() -> None:
    one = tracked(0)
    place = LogPlace(partition=2, offset=77)
    one.evidence.settle(score(0).model_copy(update={"logged": place}), 0, 0)
    assert watch_report(one).heaviest[0].logged == place


def test_a_worker_tells_what_its_judging_models_were_asked_and_how_far_it_is_behind() -> None:
    asked = Asked()
    asked.price = TokenPrice(prompt=0.5, completion=2.0, currency="EUR")
    asked.count(Reply("fine", came=True, usage=Usage(812, 40)), 1.0)
    asked.count(Reply("fine", came=True), 0.5)
    asked.count(Reply(None, code="failed"), 0.5)
    told = worker_report("w", STATUS, Beside(judges_asked({"judge-1": asked}), scorer_lag=7))
    tokens = JudgeTokens(prompt=812, completion=40, metered=1, unmetered=1)
    ended = {"answered": 2, "failed": 1}
    assert told.judges == (
        JudgeAsked(judge="judge-1", ended=ended, seconds=2.0, tokens=tokens, price=asked.price),
    )
    assert (told.scorer_lag, told.decider_lag) == (7, None)
