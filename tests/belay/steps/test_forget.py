"""What is told of a subject, what is deleted, and what is refused."""

from __future__ import annotations

import pytest

from belay.steps.forget import Account, account, delete_early
from evaluator.judge.judges.judge import Judge
from evaluator.watch.worker.scoring import Scorer
from router.proxy.assign import digest
from telemetry import topics
from telemetry.bus.memory_bus import MemoryBus, MemoryReader
from telemetry.errors import UsageError
from telemetry.events import InteractionRecorded
from telemetry.topics import TopicSettings
from tests.evaluator.support.briefs import brief
from tests.evaluator.support.interactions import interaction
from tests.evaluator.support.logs import announced, events, publish
from tests.evaluator.support.scores import rollout
from tests.evaluator.watch.worker.test_scoring import FirstWord

SPEC = rollout(("support", "facts", "sums"))


def asked_by(who: str, number: int) -> InteractionRecorded:
    found = interaction(number)
    subject = found.assignment.model_copy(update={"subject": digest(SPEC.salt, who)})
    return found.model_copy(update={"assignment": subject})


@pytest.fixture
def bus() -> MemoryBus:
    """Twelve others asked before Ann, in every partition, and Bob around her."""
    bus = MemoryBus()
    bus.ensure_topics()
    publish(bus, [announced(SPEC), *(asked_by(f"other {n}", 10 + n) for n in range(12))])
    publish(
        bus,
        [asked_by("bob", 0), asked_by("ann", 1), asked_by("bob", 2), asked_by("ann", 3), asked_by("bob", 4)],
    )
    return bus


def scored(bus: MemoryBus) -> None:
    scorer = Scorer(bus, FirstWord(), Judge(brief()))
    while scorer.step(0.0):
        pass
    scorer.close()


def look(bus: MemoryBus, who: str = "ann") -> Account:
    return account(bus, who, TopicSettings())


def delete(bus: MemoryBus, found: Account, *, with_older: bool = True) -> None:
    def in_memory(behind: object) -> None:
        for partition, offset in dict(behind).items():  # type: ignore[call-overload]  # a mapping, as the bus takes it
            bus.forget(topics.INTERACTIONS, partition, offset)

    delete_early(found, in_memory, with_older=with_older)


def held(found: Account) -> dict[str, int]:
    return {row["topic"]: row["records"] for row in found.rows() if row["records"]}


def test_it_says_what_lies_where_and_when_it_goes(bus: MemoryBus) -> None:
    scored(bus)
    found = look(bus)
    assert held(found)[topics.INTERACTIONS] == 2
    assert held(found)[topics.SCORES] >= 1
    assert all(row["gone_by"] for row in found.rows() if row["records"])
    assert held(look(bus, "nobody")) == {}


def test_the_texts_go_at_once_and_scores_stay(bus: MemoryBus) -> None:
    scored(bus)
    before = events(bus, topics.SCORES)
    delete(bus, look(bus))
    left = [e for e in events(bus, topics.INTERACTIONS) if isinstance(e, InteractionRecorded)]
    assert digest(SPEC.salt, "ann") not in {e.assignment.subject for e in left}
    assert "interaction-4" in {e.event_id for e in left}
    assert events(bus, topics.SCORES) == before


def test_nothing_is_deleted_that_is_not_scored_yet(bus: MemoryBus) -> None:
    with pytest.raises(UsageError, match="not everything is scored yet"):
        delete(bus, look(bus))
    assert len(events(bus, topics.INTERACTIONS)) == 17


def test_what_others_asked_before_goes_only_where_somebody_says_so(bus: MemoryBus) -> None:
    scored(bus)
    found = look(bus)
    assert found.others > 0
    with pytest.raises(UsageError, match=f"{found.others} older interactions of others"):
        delete(bus, found, with_older=False)
    assert len(events(bus, topics.INTERACTIONS)) == 17


def test_what_retention_takes_meanwhile_hides_none_of_the_others(
    bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(bus, [asked_by("ann", 20 + n) for n in range(10)])
    publish(bus, [asked_by("bob", 40), asked_by("ann", 41)])
    scored(bus)
    expected, reader = look(bus).others, bus.reader

    def reader_of(asked: list[str]) -> MemoryReader:
        if asked == [topics.SCORES]:
            for partition, behind in whose.items():
                bus.forget(topics.INTERACTIONS, partition, behind - 2)
        return reader(asked)

    whose = look(bus).behind
    monkeypatch.setattr(bus, "reader", reader_of)
    assert look(bus).others == expected


def test_a_subject_without_a_name_is_refused(bus: MemoryBus) -> None:
    with pytest.raises(UsageError, match="no subject was named"):
        look(bus, "")
