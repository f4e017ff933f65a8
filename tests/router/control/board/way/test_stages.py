"""The stages of an interaction: when each was, and why one does not come."""

from __future__ import annotations

from typing import Any

import pytest

from router.control.board.way.finding import At, Trail
from router.control.board.way.stages import counted, fed_by, stages
from router.control.board.way.told import WayStage
from telemetry.events import CUT_BY_ROUTER, DecisionMade, Judged, LogPlace, ShadowDraw, SpoolPlace
from tests.router.control.board.tail.values import WHO, answer, interaction, score, shadow
from tests.router.values import NOON, PROOF, decision

AT = At(LogPlace(partition=2, offset=1234), round(1000 * NOON.timestamp()) + 700)
SCORED = At(LogPlace(partition=0, offset=77), round(1000 * NOON.timestamp()) + 1_600)
DRAWN = ShadowDraw(capability="support", fraction=0.2, drawn=True)


def told(counted_to: int | None = None, **changes: Any) -> dict[str, WayStage]:
    fields: dict[str, Any] = {"interaction": interaction(), "interaction_at": AT}
    return {stage.name: stage for stage in stages(Trail(**(fields | changes)), counted_to, ())}


def test_every_stage_has_its_time_since_the_request_came() -> None:
    found = told(score=score(), score_at=SCORED)
    assert {name: stage.after_ms for name, stage in found.items()} == {
        "assigned": 0.0,
        "asked": 0.0,
        "first byte": 80.0,
        "answered": 600.0,
        "spooled": None,
        "on Kafka": 700.0,
        "tagged": 1500.0,
        "judged": 1500.0,
        "counted": 1600.0,
        "decided": None,
    }
    assert {stage.state for name, stage in found.items() if name != "decided"} == {"done"}


def test_each_stage_says_who_did_it_and_with_what() -> None:
    placed = interaction(spooled=SpoolPlace(spool="ab" * 16, segment=3, offset=4096))
    found = told(interaction=placed, score=score(other_value=0.5), score_at=SCORED)
    for name, words in (
        ("assigned", "to the candidate, by its session: 25%"),
        ("asked", "router/eu-1"),
        ("answered", "status 200, in 600 ms, 12 tokens"),
        ("spooled", "segment 3, byte 4,096 of spool abababab"),
        ("on Kafka", "belay.interactions, partition 2, offset 1,234"),
        ("tagged", "as support, 90% sure"),
        ("judged", "0.75 from verifiers 4, by what the prompt itself asks, and the other arm's answer 0.50"),
        ("counted", "as a pair"),
    ):
        assert words in found[name].what, name


def test_what_a_fallback_took_is_not_guessed() -> None:
    fell = interaction(fallback="timeout", answer=answer(served_by="control"))
    found = told(interaction=fell)
    assert (found["asked"].state, "the candidate failed (timeout)" in found["asked"].what) == ("failed", True)
    assert (found["first byte"].after_ms, found["answered"].after_ms) == (None, None)


@pytest.mark.parametrize(
    ("ended", "state", "words"),
    [
        ({"error": "died", "text": ""}, "failed", "failed: died"),
        ({"error": CUT_BY_ROUTER}, "failed", "the router stopped"),
        ({"first_byte_ms": None, "error": "timeout", "text": ""}, "failed", "timeout"),
        ({"finish_reason": "content_filter"}, "done", "refused"),
    ],
)
def test_an_answer_that_was_none_says_why(ended: dict[str, Any], state: str, words: str) -> None:
    found = told(interaction=interaction(answer=answer(**ended)))
    assert (found["answered"].state, words in found["answered"].what) == (state, True)
    assert found["first byte"].state == ("failed" if ended.get("first_byte_ms", 0) is None else "done")


def test_the_other_arms_answer_is_a_stage_only_where_it_was_drawn() -> None:
    drawn = interaction(draw=DRAWN)
    assert "shadow" not in told()
    assert told(interaction=drawn)["shadow"].state == "not"
    asked = told(interaction=drawn, shadow=shadow(), shadow_at=AT)["shadow"]
    assert (asked.state, asked.after_ms, "base was asked too" in asked.what) == ("done", 900.0, True)
    failed = told(interaction=drawn, shadow=shadow(shadow=answer(error="died")), shadow_at=AT)["shadow"]
    assert (failed.state, "died" in failed.what) == ("failed", True)


def test_what_has_not_come_yet_waits_and_is_no_failure() -> None:
    assert {name: stage.state for name, stage in told().items() if stage.state != "done"} == dict.fromkeys(
        ("tagged", "judged", "counted", "decided"), "waits"
    )
    late = told(counted_to=76, score=score(), score_at=SCORED)["counted"]
    assert (late.state, "does not have it yet" in late.what) == ("waits", True)
    assert told(counted_to=77, score=score(), score_at=SCORED)["counted"].state == "done"


def test_a_score_that_is_missing_says_why_and_peoples_grades_stand_beside_the_judges() -> None:
    none = told(
        score=score(value=None, unscored="judge_timeout", unscored_why="no word in 30 s"), score_at=SCORED
    )
    assert (none["judged"].state, none["judged"].what) == (
        "not",
        "no score from verifiers 4: judge timeout (no word in 30 s)",
    )
    graded = score(corrects=Judged(value=0.75, other_value=0.5), value=0.25, other_value=1.0)
    assert "people graded it 0.25, the other arm's answer 1.00" in (
        told(score=score(), score_at=SCORED, graded=graded)["judged"].what
    )


@pytest.mark.parametrize(
    ("changes", "earlier", "state", "words"),
    [
        ({}, None, "done", "first scored interaction of its subject"),
        ({}, "i9", "not", "its subject had been scored before"),
        ({"other_value": 0.5, "draw": DRAWN}, "i9", "done", "as a pair"),
        ({"draw": DRAWN}, None, "not", "a pair or nothing"),
        ({"capability": None, "value": None, "unscored": "no_tag"}, None, "not", "no capability"),
        ({"value": None, "unscored": "judge_timeout"}, None, "not", "no score"),
        ({"value": None, "unscored": "no_evidence"}, None, "not", "for strangers"),
        ({"assignment": WHO.model_copy(update={"share": 1.0})}, None, "not", "its arm was certain"),
    ],
)
def test_whether_it_counts_follows_from_its_score(
    changes: dict[str, Any], earlier: str | None, state: str, words: str
) -> None:
    found, why = counted(score(**changes), earlier)
    assert (found, words in why) == (state, True)


def test_the_decisions_named_are_the_first_that_has_it_those_it_decided_and_those_it_weighed_in() -> None:
    def made(name: str, first: int, last: int, **proof: Any) -> DecisionMade:
        changes = {"first_offset": first, "last_offset": last, **proof}
        return decision().model_copy(update={"event_id": name, "proof": PROOF.model_copy(update=changes)})

    decisions = [
        made("weighed", 0, 99, heaviest=("i0",)),
        made("later", 0, 90),
        made("deciding", 0, 77, deciding_score="score-i0"),
        made("before", 0, 76),
        made("behind", 78, 90),
    ]
    found = fed_by(score(), SCORED, decisions)
    assert [(one.decision_id, one.why) for one in found] == [("deciding", "deciding"), ("weighed", "weighed")]
    (first,) = fed_by(score(), SCORED, decisions[1:2])
    assert (first.decision_id, first.why) == ("later", "first")
    assert fed_by(score(), At(LogPlace(partition=1, offset=77), 0), decisions) == ()
