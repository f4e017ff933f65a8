"""What there is to review, out of the log."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from evaluator.judge.reviewing.cases import Drawing
from evaluator.judge.reviewing.log import cases_by_id, cases_in, grades_of, rollout_named, scores_of
from telemetry import codec, topics
from telemetry.bus.memory_bus import MemoryBus
from telemetry.bus.protocols import Encoded
from telemetry.errors import UsageError
from telemetry.events import Event, ShadowAnswered, ShadowDraw
from telemetry.reading import Unreadable
from tests.evaluator.support.interactions import answer, interaction
from tests.evaluator.support.scores import score
from tests.telemetry.samples import rollout


def bus_with(events: Iterable[Event]) -> MemoryBus:
    bus = MemoryBus()
    bus.ensure_topics()
    with bus.publisher() as publisher:
        for event in events:
            publisher.send(codec.encode(event))
        publisher.flush()
    return bus


def test_without_a_name_the_live_rollout_is_meant_else_the_latest() -> None:
    over = rollout("old").model_copy(update={"status": "rolled_back"})
    later = rollout("later", 2).model_copy(update={"status": "rolled_back"})
    assert rollout_named(bus_with([rollout("now"), over]), None, Unreadable()).spec.rollout_id == "now"
    both = bus_with([rollout("now"), over, later, rollout("old", 5).model_copy(update={"status": "closed"})])
    assert rollout_named(both, None, Unreadable()).spec.rollout_id == "now"
    assert rollout_named(both, "later", Unreadable()).revision == 2
    ended = bus_with([over, later])
    assert rollout_named(ended, None, Unreadable()).spec.rollout_id == "later"
    with pytest.raises(UsageError, match="no rollout 'x'") as caught:
        rollout_named(ended, "x", Unreadable())
    assert "old, later" in caught.value.hint
    with pytest.raises(UsageError, match="holds no rollout"):
        rollout_named(bus_with([]), None, Unreadable())


def test_of_several_scores_the_last_with_a_value_counts() -> None:
    missing = score(1, value=None)
    judged = [score(1, value=v).model_copy(update={"event_id": f"again-{v}"}) for v in (0.2, 0.7)]
    later = missing.model_copy(update={"event_id": "later"})
    bus = bus_with([missing, *judged, later, score(2, value=None), score(3, rollout_id="other")])
    found = scores_of(bus, "r1", Unreadable())
    assert {name: s.value for name, s in found.items()} == {"interaction-1": 0.7, "interaction-2": None}


def test_a_shadows_answer_of_its_own_is_a_case_as_one_within_the_interaction_is() -> None:
    own = interaction(0, draw=ShadowDraw(capability=None, fraction=1.0, drawn=True))
    followed = ShadowAnswered(
        source="test", interaction_id=own.event_id, rollout_id="r1", assignment=own.assignment, text_policy="full",
        shadow=answer("other", by="candidate"),
    )  # fmt: skip
    bus = bus_with([own, followed, score(0)])
    found = cases_in(bus, scores_of(bus, "r1", Unreadable()), "r1", Drawing(), Unreadable())
    assert {c.arm for c in found.cases} == {"control", "candidate"}


def test_a_case_is_known_by_its_capability_and_what_is_not_shown_is_counted_once() -> None:
    events = [
        interaction(0, shadow=answer("other", by="candidate")),
        interaction(1, text_policy="hashed"),
        interaction(2),
        interaction(3),
        interaction(4, rollout_id="other"),
        interaction(1, text_policy="hashed"),
    ]
    bus = bus_with([*events, score(0, value=None), score(1), score(2, capability=None)])
    scores = scores_of(bus, "r1", Unreadable())
    found = cases_in(bus, scores, "r1", Drawing(), Unreadable())
    assert [(c.interaction_id, c.arm, c.capability, c.fraction) for c in found.cases] == [
        ("interaction-0", "control", "facts", 1.0),
        ("interaction-0", "candidate", "facts", 1.0),
    ]
    assert found.passed_over == {"hashed": 1, "without a capability": 1, "not scored yet": 1}


def test_pairs_alone_leave_out_what_one_arm_was_asked() -> None:
    pair = interaction(0, shadow=answer("other", by="candidate"))
    bus = bus_with([pair, interaction(1), score(0, other=0.5), score(1)])
    scores = scores_of(bus, "r1", Unreadable())
    found = cases_in(bus, scores, "r1", Drawing(pairs=True), Unreadable())
    assert {c.interaction_id for c in found.cases} == {"interaction-0"}
    assert len(cases_by_id(bus, scores, "r1", lambda c: c.arm == "control", Unreadable())) == 2


def test_a_log_without_grades_has_none_and_what_cannot_be_read_is_counted() -> None:
    bus = bus_with([])
    del bus.logs[topics.GRADES, 0]
    assert grades_of(bus, "r1", Unreadable()) == []
    with bus.publisher() as publisher:
        publisher.send(Encoded(topics.GRADES, b"r1", (), b"{"))
        publisher.flush()
    unreadable = Unreadable()
    assert grades_of(bus, "r1", unreadable) == []
    assert len(unreadable) == 1
