"""What an account must be. The drills themselves are in `test_drills`."""

from __future__ import annotations

from dataclasses import replace

from tests.drills.account import Account
from tests.drills.brokers import own_namespace
from tests.drills.losing_brokers import catching_up
from tests.drills.scenario import counted, counted_losses

WELL = Account(
    answered=90, spooled=100, in_kafka=95, scored=95, folded=95, told=0, missing=0, unrecorded=0, lost=0, twice=0,
    cut=5, others=5, same_bits=True,
)  # fmt: skip
LOSSES = replace(WELL, answered=98, spooled=105, told=8, missing=8, unrecorded=3)


def test_an_account_in_which_every_place_has_the_same_holds() -> None:
    assert counted(WELL) == []


def test_drills_that_begin_together_share_no_topic() -> None:
    assert len({own_namespace("drill") for _ in range(100)}) == 100


def test_what_is_lost_counted_twice_or_of_other_bits_is_named() -> None:
    wrong = counted(replace(WELL, lost=2, twice=1, same_bits=False, why="pool (a, expected b)"))
    assert wrong == [
        "2 lost, and nobody said so",
        "1 folded twice",
        "the evidence differs from one fold without failures in pool (a, expected b)",
    ]


def test_a_drill_in_which_nobody_was_answered_does_not_hold() -> None:
    assert counted(replace(WELL, answered=0)) == ["nothing was answered"]


def test_losses_hold_only_where_they_are_expected_and_told_to_the_last() -> None:
    assert counted_losses(LOSSES) == []
    assert counted(LOSSES) == ["8 told as lost"]
    assert len(counted_losses(replace(LOSSES, missing=9))) == 1
    assert counted_losses(WELL) == ["nothing was lost: the drill did nothing"]


def test_the_spools_own_count_must_be_found_again() -> None:
    assert counted(replace(WELL, spooled=101)) == [
        "101 spooled, but 95 interactions and 5 others in Kafka, 0 told as lost"
    ]


def test_a_backlogs_rate_is_taken_from_its_return_until_traffic_is_live_again() -> None:
    live = [(ms, 1) for ms in range(0, 5000, 5)]
    backlog = [(30_000 + ms, 1) for ms in range(3000)]
    after = [(33_000 + ms, 1) for ms in range(0, 5000, 5)]
    many, rate = catching_up([*live, *backlog, *after])
    assert (many, rate) == (3000, 1000.0)
