import json

from hypothesis import given
from hypothesis import strategies as st

from evaluator.watch.evidence.seen import ALONE, IDS, SOURCES, WINDOW, Seen
from telemetry.events import LogPlace, ShadowDraw, SpoolPlace
from tests.evaluator.support.scores import score


def _from(spool, offset, partition=0, *, logged=0, number=0):
    return score(number).model_copy(
        update={
            "spooled": SpoolPlace(spool=spool, segment=1, offset=offset),
            "logged": LogPlace(partition=partition, offset=logged),
        }
    )


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 2)), max_size=60),
    st.lists(st.integers(1, 30), max_size=6),
)
def test_whatever_is_sent_again_in_its_order_is_one(sources, restarts):
    """Each restart of a sender sends its last records once more, up to a batch of them."""
    seen, sent, new = Seen(), [], []
    for number, (spool, partition) in enumerate(sources):
        sent.append((spool, partition, number))
    stream = list(sent)
    for back in restarts:
        stream += sent[-back:]
    for spool, partition, number in stream:
        if seen.add(_from(spool, number, partition)):
            new.append((spool, partition, number))
    assert new == sent


def test_a_record_that_comes_a_little_late_is_new():
    seen = Seen()
    assert all(seen.add(_from("a", n)) for n in (1, 2, 4, 5, 6))
    assert seen.add(_from("a", 3))
    assert not seen.add(_from("a", 3))


def test_what_lies_below_the_window_came_before():
    seen = Seen()
    for n in range(100, 100 + 3 * WINDOW):
        assert seen.add(_from("a", n))
    assert not seen.add(_from("a", 5))


def test_another_spool_or_partition_is_another_source():
    seen = Seen()
    assert seen.add(_from("a", 1, 0))
    assert seen.add(_from("a", 1, 1))
    assert seen.add(_from("b", 1, 0))


def _drawn(spool, offset, number):
    draw = ShadowDraw(capability=None, fraction=1.0, drawn=True)
    return _from(spool, offset, number=number).model_copy(update={"draw": draw})


def test_what_was_folded_alone_is_no_new_pair_after_a_crash_whatever_came_between():
    seen = Seen()
    assert seen.add(_drawn("a" + ALONE, 1, 1))
    for n in range(3 * WINDOW):
        assert seen.add(_drawn("a", 100 + n, 1000 + n))
    seen = Seen.from_dict(json.loads(json.dumps(seen.to_dict())))
    assert not seen.add(_drawn("a" + ALONE, 1, 1))
    assert not seen.add(_drawn("a", 1000, 1))
    assert seen.add(_drawn("a", 1001, 2)), "another one's pair is new"


def test_without_a_spool_the_logs_own_offset_tells():
    seen = Seen()
    first, second = (score(n).model_copy(update={"logged": LogPlace(partition=0, offset=n)}) for n in (1, 2))
    assert [seen.add(one) for one in (first, second, first)] == [True, True, False]


def test_without_any_place_the_event_id_tells():
    seen = Seen()
    assert [seen.add(score(n)) for n in (1, 2, 1)] == [True, True, False]


def test_it_stays_bounded_and_comes_back_the_same():
    seen = Seen()
    for n in range(2 * SOURCES):
        seen.add(_from(f"spool-{n}", n))
    for n in range(10 * WINDOW):
        seen.add(_from("busy", n))
    for n in range(2 * IDS):
        seen.add(score(n))
    state = json.loads(json.dumps(seen.to_dict()))
    assert len(state["places"]) <= SOURCES
    assert max(map(len, state["places"].values())) <= 2 * WINDOW
    assert len(state["ids"]) <= IDS
    again = Seen.from_dict(state)
    assert again.to_dict() == seen.to_dict()
    assert not again.add(_from("busy", 10 * WINDOW - 1))


def test_who_still_writes_is_not_forgotten_for_those_that_came_after():
    seen = Seen()
    seen.add(_from("old", 0))
    for n in range(SOURCES - 1):
        seen.add(_from(f"spool-{n}", n))
    for n in range(1, 2 * WINDOW):
        seen.add(_from("old", n))
    seen.add(_from("another", 1))
    assert not seen.add(_from("old", 2 * WINDOW - 1))
