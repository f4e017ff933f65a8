"""An interaction's texts: found by where its score says that it lies, with the other arm's answer."""

from __future__ import annotations

import pytest

from router.control.board import texts
from router.control.board.texts import Library, NoTexts
from telemetry import codec, topics
from telemetry.bus.memory_bus import MemoryBus
from telemetry.errors import BrokerUnavailable
from telemetry.events import (
    Answer,
    Assignment,
    InteractionRecorded,
    LogPlace,
    Message,
    ShadowAnswered,
    ShadowDraw,
)

WHO = Assignment(subject="s", subject_source="session", arm="control", share=0.5, stage=0, revision=1)


def interaction(number: int, drawn: bool = False) -> InteractionRecorded:
    return InteractionRecorded(
        event_id=f"i{number}",
        source="router",
        rollout_id="r1",
        assignment=WHO,
        endpoint="chat",
        model="m",
        streamed=False,
        text_policy="full",
        messages=(Message(role="user", content=f"question {number}"),),
        answer=Answer(served_by="control", status=200, text="base's", total_ms=3.0),
        draw=ShadowDraw(capability=None, fraction=0.5, drawn=drawn),
    )


def shadow(number: int) -> ShadowAnswered:
    return ShadowAnswered(
        source="router",
        interaction_id=f"i{number}",
        rollout_id="r1",
        assignment=WHO,
        text_policy="full",
        shadow=Answer(served_by="candidate", status=200, text="the candidate's", total_ms=4.0),
    )


@pytest.fixture
def bus() -> MemoryBus:
    made = MemoryBus()
    made.ensure_topics()
    return made


def logged(bus: MemoryBus, *events: InteractionRecorded | ShadowAnswered) -> list[LogPlace]:
    """Where the log holds these, in order; all have one key, so one partition."""
    places = []
    with bus.publisher() as publisher:
        for event in events:
            before = {where: bus.end(where) for where in bus.partitions(topics.INTERACTIONS)}
            publisher.send(codec.encode(event))
            publisher.flush()
            (where,) = [where for where, end in before.items() if bus.end(where) > end]
            places.append(LogPlace(partition=where[1], offset=before[where]))
    return places


def test_an_interaction_without_a_shadow_is_where_its_score_says(bus: MemoryBus) -> None:
    places = logged(bus, *(interaction(number) for number in range(5)))
    found = Library(bus).find("i3", places[3])
    assert (found.messages[0].content, found.shadow) == ("question 3", None)


@pytest.mark.parametrize("between", [0, 300, 2_500])
def test_one_that_lies_before_its_shadows_answer_is_found_with_it(bus: MemoryBus, between: int) -> None:
    others = [interaction(100 + number) for number in range(between)]
    places = logged(bus, interaction(1), interaction(0, drawn=True), *others, shadow(0))
    found = Library(bus).find("i0", places[-1])
    assert found.shadow is not None
    assert (found.answer.text, found.shadow.text) == ("base's", "the candidate's")


def test_what_retention_took_is_said_to_be_gone(bus: MemoryBus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "PATIENCE_S", 0.5)
    places = logged(bus, interaction(0), interaction(1))
    bus.forget(topics.INTERACTIONS, places[0].partition, 1)
    with pytest.raises(NoTexts, match="no longer in"):
        Library(bus).find("i0", places[0])
    with pytest.raises(NoTexts, match="no longer in"):
        Library(bus).find("i9", places[1])


def test_it_is_read_once(bus: MemoryBus) -> None:
    places = logged(bus, interaction(0))
    library = Library(bus)
    library.find("i0", places[0])
    bus.down = True
    assert library.find("i0", places[0]).event_id == "i0"
    with pytest.raises(BrokerUnavailable):
        library.find("i1", places[0])


def test_without_a_broker_there_are_no_texts() -> None:
    with pytest.raises(NoTexts, match="no broker"):
        Library(None).find("i0", LogPlace(partition=0, offset=0))
