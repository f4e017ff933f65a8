"""Interactions are used as the router's policy left them; hashed ones are refused, one read twice counts once."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from evaluator.map.discovering.gathering import Gathered, gather
from evaluator.map.discovering.topic import HASHED, topic_exchanges
from telemetry import codec, topics
from telemetry.bus.memory_bus import MemoryBus
from telemetry.bus.protocols import Encoded
from telemetry.errors import UsageError
from telemetry.events import Assignment, InteractionRecorded, Message
from tests.evaluator.support.interactions import answer, interaction


def read(events: Sequence[InteractionRecorded], *broken: bytes) -> Gathered:
    bus = MemoryBus()
    bus.ensure_topics()
    with bus.publisher() as publisher:
        for event in events:
            publisher.send(codec.encode(event))
        for value in broken:
            publisher.send(Encoded(topics.INTERACTIONS, b"k", (), value))
        publisher.flush()
    return gather(topic_exchanges(bus, topics.INTERACTIONS), "topic", "hint")


def test_an_interaction_is_an_exchange() -> None:
    first = interaction(1, prompt="hello [email]", text_policy="redacted", given=answer("Yes."))
    found = read([first, first], b"no event")
    (one,) = found.asked
    assert one.exchange.prompt == "hello [email]"
    assert (one.exchange.answer, one.exchange.system, one.exchange.alone) == ("Yes.", "Be brief.", True)
    assert one.exchange.subject == "r1/subject-1"
    assert not one.touched
    assert found.broken == 1
    assert found.first_broken[0].startswith("partition ")


def test_hashed_text_is_refused_and_nothing_else_is_a_usage_error() -> None:
    hashed = interaction(1, prompt="a" * 64, text_policy="hashed")
    found = read([hashed, interaction(2)])
    assert found.reasons == {HASHED: 1}
    assert len(found.asked) == 1
    with pytest.raises(UsageError, match=r"(?s)no prompt in 1 records.*1 hashed text"):
        read([hashed])


def test_a_key_or_a_single_request_is_no_subject_and_a_failed_answer_none() -> None:
    said = interaction(1).assignment.model_dump()
    alone = Assignment.model_validate(said | {"subject_source": "request"})
    (one,) = read([interaction(1, assignment=alone, given=answer("", error="http 500"))]).asked
    assert (one.exchange.subject, one.exchange.answer) == (None, None)


def test_earlier_turns_make_a_follow_up() -> None:
    turns = [Message(role=r, content=c) for r, c in (("user", "a"), ("assistant", "b"), ("user", "c"))]
    (one,) = read([interaction(1, messages=turns)]).asked
    assert (one.exchange.prompt, one.exchange.alone) == ("c", False)
