"""What people are told: the change, whom it blames, in numbers of which minus is worse."""

from __future__ import annotations

from router.control.notify.notice import notice_of
from router.control.rollout import RollBack, transition
from telemetry.events import ArmCount, CapabilityEvidence, DecisionMade, RolloutChanged
from tests.router.values import NOON, decision, promoted, started


def evidence(**changes: object) -> CapabilityEvidence:
    fields: dict[str, object] = {
        "capability": "addition", "watched": True, "threshold": 0.05, "weight": 1.0, "e_value": 120.0,
        "control": ArmCount(n=410, mean=0.72), "candidate": ArmCount(n=400, mean=0.61), "pairs": 0, "pair_gap": None,
        "unscored": 0,
    }  # fmt: skip
    return CapabilityEvidence.model_validate(fields | changes)


def rolled_back_by(found: CapabilityEvidence) -> tuple[RolloutChanged, DecisionMade]:
    made = decision("roll_back")
    made = made.model_copy(update={"proof": made.proof.model_copy(update={"evidence": (found,)})})
    return transition(started(), RollBack("belay.worker", "addition fell", made.event_id), NOON), made


def test_a_rollback_names_what_it_blames_with_its_numbers_and_where_to_look() -> None:
    told = notice_of(*rolled_back_by(evidence()), "https://belay.example/")
    assert told.headline == "Rollout r1 was rolled back"
    assert told.text.splitlines() == [
        "Rollout r1 was rolled back, by belay.worker: addition fell",
        "addition: -11.0 points, tolerated -5.0 (control 0.72, candidate 0.61); 810 units, 0 pairs",
        "https://belay.example/#/rollouts/r1",
    ]


def test_the_route_is_told_where_there_are_several() -> None:
    told = notice_of(started(route="acme/sql"), None, None)
    assert (told.route, told.headline) == ("acme/sql", "Rollout r1 on acme/sql is at 5%")


def test_pairs_tell_the_change_where_there_are_any_and_minus_is_worse() -> None:
    (blamed,) = notice_of(*rolled_back_by(evidence(pairs=40, pair_gap=0.2)), None).blamed
    assert (blamed.change_points, blamed.pairs) == (-20.0, 40)


def test_no_number_is_made_up() -> None:
    found = evidence(control=ArmCount(n=0, mean=None), candidate=ArmCount(n=0, mean=None))
    told = notice_of(*rolled_back_by(found), None)
    assert "addition: no change known, tolerated -5.0; 0 units, 0 pairs" in told.text


def test_a_decision_that_did_not_lead_to_the_state_is_not_told_with_it() -> None:
    state, _ = rolled_back_by(evidence())
    assert notice_of(state, decision("roll_back"), None).blamed == ()
    assert (
        notice_of(promoted(started(shares=(0.5,))), None, None).headline == "Rollout r1 is fully rolled out"
    )


def test_the_same_change_has_the_same_id_and_the_next_another() -> None:
    state = started()
    assert notice_of(state, None, None).id == notice_of(state, None, "https://other").id
    assert notice_of(state, None, None).id != notice_of(promoted(state), None, None).id
