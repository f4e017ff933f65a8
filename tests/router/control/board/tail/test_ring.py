"""The last rows: bounded, and told once for each change."""

from __future__ import annotations

from router.control.board.tail.ring import WINDOW, Ring
from router.control.board.tail.rows import Row
from telemetry.events import Judged, LogPlace
from tests.router.control.board.tail.values import interaction, score

PLACE = LogPlace(partition=0, offset=0)


def every(_: Row) -> bool:
    return True


def filled(count: int, most: int = 100) -> Ring:
    ring = Ring(most)
    for number in range(count):
        ring.see(interaction(f"i{number}"), PLACE)
    return ring


def test_it_never_holds_more_than_it_may_and_the_oldest_goes() -> None:
    ring = filled(250)
    news = ring.since(0, every, 1_000)
    assert [row.interaction_id for row in news.rows] == [f"i{n}" for n in range(249, 149, -1)]
    assert ring.find("i149") is None


def test_a_look_has_what_changed_since_the_last_and_counts_what_it_leaves_out() -> None:
    ring = filled(10)
    first = ring.since(0, every, 4)
    assert ([row.interaction_id for row in first.rows], first.left_out) == (["i9", "i8", "i7", "i6"], 6)
    assert ring.since(first.version, every, 4).rows == ()
    ring.score(score("i3"), PLACE)
    again = ring.since(first.version, every, 4)
    assert [(row.interaction_id, row.value) for row in again.rows] == [("i3", 0.75)]


def test_of_too_many_the_same_are_told_when_they_come_and_when_their_scores_do() -> None:
    ring = Ring()
    ring.see(interaction("before"), PLACE)
    version = ring.version
    for number in range(500):
        ring.see(interaction(f"i{number}"), PLACE)
    told = ring.since(version, every, 40)
    for number in reversed(range(500)):
        ring.score(score(f"i{number}"), PLACE)
    again = ring.since(told.version, every, 40)
    assert {row.interaction_id for row in told.rows} == {row.interaction_id for row in again.rows}
    assert (len(told.rows), told.left_out, again.rows[0].value) == (40, 460, 0.75)


def test_a_score_and_its_interaction_make_the_same_row_in_either_order() -> None:
    orders = (Ring(), Ring())
    orders[0].see(interaction(), PLACE)
    orders[0].score(score(), PLACE)
    orders[1].score(score(), PLACE)
    orders[1].see(interaction(), PLACE)
    assert orders[0].find("i0") == orders[1].find("i0")


def test_an_interaction_that_comes_twice_changes_nothing() -> None:
    ring = filled(1)
    ring.score(score(), PLACE)
    before = ring.version
    ring.see(interaction(), PLACE)
    row = ring.find("i0")
    assert row is not None
    assert (ring.version, row.value) == (before, 0.75)


def test_of_an_interaction_that_was_scored_again_the_first_score_stays_until_people_grade_it() -> None:
    ring = Ring()
    ring.see(interaction(), PLACE)
    ring.score(score(), LogPlace(partition=0, offset=7))
    ring.score(score(value=0.0), LogPlace(partition=0, offset=900))
    found = ring.find("i0")
    assert found is not None
    assert (found.value, found.scored_at) == (0.75, LogPlace(partition=0, offset=7))
    by_people = score(value=0.0, other_value=1.0, corrects=Judged(value=0.75, other_value=None))
    ring.score(by_people, LogPlace(partition=0, offset=901))
    graded = ring.find("i0")
    assert graded is not None
    assert (graded.value, graded.judge) == (0.0, "people")


def test_what_was_read_and_skipped_is_of_the_last_minute_however_long_one_looks() -> None:
    ring = Ring()
    for second in range(1_000):
        ring.count(second, 3, 1)
        ring.count(second, 2, 0)
    told = ring.reading(999)
    assert (told.read, told.skipped, told.seconds) == (5 * WINDOW, WINDOW, WINDOW - 1)
    assert ring.reading(5_000).read == 0
