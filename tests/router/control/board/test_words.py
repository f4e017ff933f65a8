"""A proof in plain words: what was done, on what numbers, how sure it is, what it rests on."""

from __future__ import annotations

from router.control.board.words import told
from telemetry.events import Action, DecisionMade
from tests.router.control.board.values import evidence
from tests.router.values import decision


def proven(action: Action, blamed: tuple[str, ...]) -> DecisionMade:
    made = decision(action)
    seen = (evidence("facts", 2.0), evidence("multi_step", 300.0, pairs=12, pair_gap=0.61))
    proof = made.proof.model_copy(update={"blamed": blamed, "evidence": seen})
    return made.model_copy(update={"proof": proof})


def test_a_rollback_is_told_by_the_capability_that_is_blamed() -> None:
    words = told(proven("roll_back", ("multi_step",))).words
    assert words[0] == "All traffic goes back to base."
    assert (
        "Multi step: 40% of what was asked with the candidate (40 units) against 90% with base (40)"
        in words[1]
    )
    assert "\N{MINUS SIGN}61 points over 12 requests" in words[1]
    assert "at most one of 100 rollouts" in words[2]
    assert "offsets 0 to 9" in words[3]


def test_a_hold_is_told_by_what_has_the_most_evidence_and_claims_nothing() -> None:
    words = told(proven("hold", ())).words
    assert words[0].startswith("Nothing changes")
    assert words[1].startswith("Multi step:")
    assert not any("at most one of" in sentence for sentence in words)


def test_what_replays_it_and_what_it_rests_on_stand_beside_it() -> None:
    made = proven("roll_back", ("multi_step",))
    found = told(made)
    assert found.replay == f"belay replay {made.event_id}"
    assert (found.facts["deciding score"], found.facts["judges"]) == ("s", "v1")
