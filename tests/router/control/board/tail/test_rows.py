"""An interaction as a row of the tail, and which rows somebody wants."""

from __future__ import annotations

import pytest

from router.control.board.tail.rows import PREVIEW, outcome_of, row_of, scored
from router.control.board.tail.wanted import UNKNOWN, Wanted, matches
from telemetry.events import CUT_BY_ROUTER, REFUSED, InteractionRecorded, Judged, Message
from tests.router.control.board.tail.values import answer, interaction, score


@pytest.mark.parametrize(
    ("met", "told"),
    [
        (interaction(), ("complete", None)),
        (interaction(fallback="timeout"), ("fallback", "timeout")),
        # What its client met comes before how the answer ended.
        (interaction(fallback="timeout", client_left=True), ("fallback", "timeout")),
        (interaction(client_left=True, answer=answer(error="left")), ("client_left", None)),
        (interaction(answer=answer(error="died", text="")), ("failed", "died")),
        (interaction(answer=answer(error=CUT_BY_ROUTER)), ("cut", CUT_BY_ROUTER)),
        (interaction(answer=answer(status=503)), ("failed", "status 503")),
        (interaction(answer=answer(status=400)), ("client_error", "status 400")),
        (interaction(answer=answer(finish_reason=REFUSED)), ("refused", REFUSED)),
    ],
)
def test_the_outcome_is_what_the_client_met(met: InteractionRecorded, told: tuple[str, str | None]) -> None:
    assert outcome_of(met) == told


def test_before_its_score_a_row_has_the_routers_guess_and_then_the_scores_tag() -> None:
    guessed = row_of(interaction())
    assert (guessed.capability, guessed.tagged, guessed.scored) == ("support", False, False)
    tagged = scored(score(capability=None, value=None, unscored="no_tag"), guessed)
    assert (tagged.capability, tagged.tagged, tagged.scored, tagged.unscored) == (None, True, True, "no_tag")
    assert tagged.outcome == "complete"


def test_a_score_whose_interaction_was_not_read_makes_a_row_of_what_it_knows() -> None:
    alone = scored(score())
    assert (alone.arm, alone.capability, alone.value, alone.total_ms) == ("candidate", "support", 0.75, 600.0)
    assert (alone.outcome, alone.preview) == (None, None)
    assert scored(score(failed=True, value=0.0)).outcome == "failed"


def test_peoples_grades_take_the_place_of_what_the_judge_had_said() -> None:
    graded = scored(score(corrects=Judged(value=0.75, other_value=0.5), value=0.0, other_value=1.0))
    assert (graded.judge, graded.value, graded.other_value) == ("people", 0.0, 1.0)


def test_what_was_asked_is_one_short_line() -> None:
    long = interaction(messages=(Message(role="user", content="a \n rope " * 100),))
    shown = row_of(long).preview
    assert shown is not None
    assert (len(shown), shown[:8], shown[-1]) == (PREVIEW, "a rope a", "\N{HORIZONTAL ELLIPSIS}")


def test_a_filter_leaves_what_is_like_it_in_all_that_it_names() -> None:
    row = scored(score(), row_of(interaction()))
    for wanted, is_like in (
        (Wanted(), True),
        (Wanted(rollout="r1", capability="support", arm="candidate", outcome="complete"), True),
        (Wanted(rollout="r2"), False),
        (Wanted(capability="addition"), False),
        (Wanted(arm="control"), False),
        (Wanted(outcome="failed"), False),
        (Wanted(low=0.75, high=0.75), True),
        (Wanted(low=0.76), False),
        (Wanted(high=0.74), False),
    ):
        assert matches(row, wanted, None) is is_like, wanted
    assert matches(row, Wanted(route="x"), {"r1"})
    assert not matches(row, Wanted(route="x"), {"r2"})


def test_a_range_of_scores_has_no_room_for_what_has_none_and_unknown_is_a_capability() -> None:
    row = scored(score(capability=None, value=None, unscored="no_tag"))
    assert not matches(row, Wanted(low=0.0, high=1.0), None)
    assert matches(row, Wanted(capability=UNKNOWN), None)
