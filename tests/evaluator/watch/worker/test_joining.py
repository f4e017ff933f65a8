"""An interaction and its shadow's answer go on together, once, at a place that grows; or the interaction alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from evaluator.watch.evidence.seen import ALONE
from evaluator.watch.worker.joining import Joined, Joiner
from telemetry.bus.protocols import Record
from telemetry.events import InteractionRecorded, ShadowAnswered, ShadowDraw, SpoolPlace
from tests.evaluator.support.interactions import answer, interaction

TOPIC = "belay.interactions"
DRAWN = ShadowDraw(capability=None, fraction=1.0, drawn=True)


def at(offset: int, partition: int = 0, value: bytes = b"") -> Record:
    return Record(TOPIC, partition, offset, b"k", (), value, 0)


def place(offset: int, spool: str = "a") -> SpoolPlace:
    return SpoolPlace(spool=spool, segment=1, offset=offset)


def drawn(number: int, spooled: SpoolPlace | None = None, **changes: Any) -> InteractionRecorded:
    return interaction(number, draw=DRAWN, spooled=spooled or place(number), **changes)


def shadow(number: int, spooled: SpoolPlace | None = None) -> ShadowAnswered:
    own = drawn(number)
    return ShadowAnswered(
        event_id=f"shadow-{number}", source="test", interaction_id=own.event_id, rollout_id=own.rollout_id,
        assignment=own.assignment, text_policy="full", shadow=answer("Other.", by="candidate"), spooled=spooled,
    )  # fmt: skip


def test_what_was_not_drawn_goes_on_at_once() -> None:
    joiner = Joiner()
    plain = interaction(0)
    missed = interaction(1, draw=ShadowDraw(capability=None, fraction=0.1, drawn=False))
    assert joiner.take(at(0), plain, 0.0) == [Joined(at(0), plain)]
    assert joiner.take(at(1), missed, 0.0) == [Joined(at(1), missed)]


def test_an_interaction_of_an_older_router_has_its_shadow_in_it_and_goes_on_at_once() -> None:
    old = drawn(0, shadow=answer(by="candidate"))
    assert Joiner().take(at(0), old, 0.0) == [Joined(at(0), old)]


def test_a_pair_goes_on_at_the_place_of_the_shadows_answer() -> None:
    joiner = Joiner()
    assert joiner.take(at(3), drawn(0), 0.0) == []
    (pair,) = joiner.take(at(7), shadow(0, place(9)), 1.0)
    assert pair.interaction == drawn(0).model_copy(update={"shadow": shadow(0).shadow, "spooled": place(9)})
    assert (pair.record, pair.holds, pair.alone) == (at(7), 3, False)
    assert (joiner.pairs, joiner.alone, len(joiner)) == (1, 0, 0)


def test_what_waited_in_vain_goes_on_alone_and_at_a_place_of_another_source() -> None:
    joiner = Joiner(patience_s=90.0)
    joiner.take(at(3), drawn(0), 10.0)
    assert joiner.overdue(99.9) == []
    (alone,) = joiner.overdue(100.0)
    assert alone.interaction == drawn(0, place(0, "a" + ALONE))
    assert (alone.record, alone.holds, alone.alone) == (at(3), 3, True)
    assert joiner.take(at(8), shadow(0), 101.0) == []
    assert (joiner.alone, joiner.strays) == (1, 1)


def test_a_spools_name_of_any_length_has_room_for_the_mark() -> None:
    joiner = Joiner(patience_s=0.0)
    joiner.take(at(3), drawn(0, place(0, "s" * 64)), 0.0)
    (alone,) = joiner.overdue(0.0)
    assert alone.interaction.spooled == place(0, "s" * (64 - len(ALONE)) + ALONE)


def test_the_oldest_go_on_alone_where_there_is_no_room_in_number_or_in_bytes() -> None:
    joiner = Joiner(most=2, most_bytes=100)
    for number in range(2):
        assert joiner.take(at(number, value=b"x" * 40), drawn(number), 0.0) == []
    (first,) = joiner.take(at(2, value=b"x"), drawn(2), 0.0)
    assert (first.record.offset, first.alone) == (0, True)
    (second,) = joiner.take(at(3, value=b"x" * 80), drawn(3), 0.0)
    assert (second.record.offset, len(joiner)) == (1, 2)


def test_an_interaction_that_a_forwarder_sent_twice_is_held_once() -> None:
    joiner = Joiner(patience_s=90.0)
    for offset in (0, 1):
        joiner.take(at(offset), drawn(0), 0.0)
    assert len(joiner) == 1
    assert len(joiner.take(at(2), shadow(0), 1.0)) == 1
    assert joiner.take(at(3), shadow(0), 1.0) == []


def test_an_answer_that_names_another_subject_is_no_answer_to_it() -> None:
    joiner = Joiner()
    joiner.take(at(0), drawn(0), 0.0)
    foreign = shadow(1).model_copy(update={"interaction_id": drawn(0).event_id})
    assert joiner.take(at(1), foreign, 0.0) == []
    assert (joiner.strays, len(joiner)) == (1, 1)


def test_nothing_is_committed_beyond_what_is_held_or_not_yet_published() -> None:
    joiner, where = Joiner(), (TOPIC, 0)
    assert joiner.bound(where) is None
    for offset in (0, 1):
        joiner.take(at(offset), drawn(offset), 0.0)
    (pair,) = joiner.take(at(2), shadow(0), 0.0)
    assert joiner.bound(where) == 0, "the pair is joined, its score not published"
    assert pair.holds is not None
    joiner.release(pair.record, pair.holds)
    assert joiner.bound(where) == 1
    assert joiner.bound((TOPIC, 1)) is None


def test_what_came_from_a_partition_that_another_reader_has_now_is_forgotten() -> None:
    joiner = Joiner(patience_s=90.0)
    joiner.take(at(0, 0), drawn(0), 0.0)
    joiner.take(at(0, 1), drawn(1), 0.0)
    joiner.keep({(TOPIC, 1)})
    assert joiner.bound((TOPIC, 0)) is None
    assert [j.interaction.event_id for j in joiner.overdue(100.0)] == ["interaction-1"]


# --- whatever comes ----------------------------------------------------------------------------------


@dataclass
class Log:
    """One partition as two routers fill it: each interaction first, its shadow's answer behind it or never."""

    joiner: Joiner
    offset: int = 0
    now: float = 0.0
    spooled: dict[str, int] = field(default_factory=lambda: {"a": 0, "b": 0})
    waiting: dict[int, str] = field(default_factory=dict)
    came: set[str] = field(default_factory=set)
    on: list[Joined] = field(default_factory=list)
    unpublished: list[Joined] = field(default_factory=list)

    def append(self, spool: str, number: int, *, answered: bool) -> None:
        self.spooled[spool] += 1
        spot = place(self.spooled[spool], spool)
        event = shadow(number, spot) if answered else drawn(number, spot)
        self.gone(self.joiner.take(at(self.offset), event, self.now))
        self.offset += 1

    def gone(self, found: list[Joined]) -> None:
        self.on += found
        self.unpublished += found

    def publish(self) -> None:
        for each in self.unpublished:
            if each.holds is not None:
                self.joiner.release(each.record, each.holds)
        self.unpublished = []


STEPS = st.lists(st.tuples(st.sampled_from(["a", "b", "answer", "tick", "publish"]), st.integers(0, 5)))


@given(STEPS)
def test_every_interaction_goes_on_once_in_places_that_grow_and_nothing_is_committed_before(
    steps: list[tuple[str, int]],
) -> None:
    log = Log(Joiner(most=3, patience_s=4.0))
    for kind, size in steps:
        if kind in log.spooled:
            number = len(log.came)
            log.came.add(f"interaction-{number}")
            log.waiting[number] = kind
            log.append(kind, number, answered=False)
        elif kind == "answer" and log.waiting:
            number = list(log.waiting)[size % len(log.waiting)]
            log.append(log.waiting.pop(number), number, answered=True)
        elif kind == "tick":
            log.now += size
            log.gone(log.joiner.overdue(log.now))
        elif kind == "publish":
            log.publish()
        assert len(log.joiner) <= 3
        owed = [j.holds for j in log.unpublished if j.holds is not None]
        bound = log.joiner.bound((TOPIC, 0))
        assert all(bound is not None and bound <= holds for holds in owed)
    log.gone(log.joiner.overdue(log.now + 4.0))
    log.publish()
    assert log.joiner.bound((TOPIC, 0)) is None
    ids = [j.interaction.event_id for j in log.on]
    assert sorted(ids) == sorted(log.came)
    for source in ("a", "b", "a" + ALONE, "b" + ALONE):
        spots = [j.interaction.spooled for j in log.on]
        offsets = [p.offset for p in spots if p is not None and p.spool == source]
        assert offsets == sorted(set(offsets))
    assert all((j.interaction.shadow is None) == j.alone for j in log.on)
