"""The named states: one test a state, and that what is worst is said first."""

from __future__ import annotations

from typing import Any

import pytest

from router.control.board.verdict import QUIET_S, SILENT_S, Known, signed, verdict
from telemetry.events import ArmCount, Imbalanced, JudgeAnchors, RolloutSpec, Stage
from tests.router.control.board.values import evidence, later, report, state
from tests.router.values import decision, spec

RAIL = evidence("guardrail:errors", 40.0, weight=0.5)
SKEWED = Imbalanced(where="router r", units=500, candidates=400, expected=250.0, e_value=90.0)

DRIFTED = JudgeAnchors(
    judge="grader",
    anchors=90,
    shift=0.12,
    e_value=130.0,
    bar=100.0,
    drifted=True,
    capabilities=("facts", "sums"),
)


def known(**changes: Any) -> Known:
    fields: dict[str, Any] = {
        "state": state(),
        "report": report(),
        "held": None,
        "fell": None,
        "moved": later(0),
        "heard": later(0),
        "without_data": None,
        "now": later(10),
    }
    return Known(**(fields | changes))


def wanting(units: int) -> RolloutSpec:
    return spec(stages=(Stage(share=0.05, min_units=units),))


NOBODY = ArmCount(n=0, mean=None)
SOME = report(e_value=31.0, evidence=(evidence(e_value=31.0),))
SILENT = {"now": later(QUIET_S + 5), "heard": later(QUIET_S)}
CASES: list[tuple[str, dict[str, Any], str]] = [
    ("watching", {}, "No evidence of a drop."),
    ("watching", {"report": SOME}, "31 of 100, most of it in support"),
    ("awaiting data", {"report": None}, "No score of this rollout"),
    ("awaiting data", {"report": None, "heard": None}, "is `belay watch` running?"),
    ("awaiting data", {"report": report(evidence=(evidence(control=NOBODY, candidate=NOBODY),))}, "none of them"),
    ("below sample", {"state": state(spec=wanting(200))}, "80 of 200 units"),
    ("no traffic", SILENT, "No data is no good news"),
    ("judge stale", {**SILENT, "moved": later(QUIET_S)}, "the last score is 2 min old"),
    ("watch silent", {"now": later(SILENT_S + 1)}, "nothing rolls back by itself"),
    ("watch silent", {"without_data": "nobody at kafka:9092"}, "nobody at kafka:9092."),
    ("watch stopped", {"report": report(stopped="the log lost scores")}, "the log lost scores."),
    ("scores missing", {"report": report(missing="scores are missing for one arm")}, "missing for one arm."),
    ("judge drifted", {"report": report(anchors=(DRIFTED,))}, "grader scores 90 known answers +12.0 points otherwise"),
    ("judge drifted", {"report": report(anchors=(DRIFTED,))}, "no evidence any more: facts, sums."),
    ("watching", {"report": report(anchors=(DRIFTED.model_copy(update={"drifted": False}),))}, "No evidence"),
    ("arms out of proportion", {"report": report(imbalances=(SKEWED,))}, "400 of 500 subjects"),
    ("guardrail failing", {"report": report(evidence=(evidence(), RAIL))}, "Errors: 40% with the candidate"),
    ("drop found", {"report": report(e_value=120.0)}, "Units: 40% with the candidate, 90% with base."),
    ("promoted", {"state": state(status="promoted")}, "the watch goes on"),
    ("paused", {"state": state(status="paused", reason="it is Friday")}, "it is Friday."),
    ("shadow", {"state": state(status="shadow", reason="nobody sees it")}, "nobody sees it."),
    ("rolled back", {"state": state(status="rolled_back", reason="by hand")}, "by hand. All traffic is on base."),
    ("closed", {"state": state(status="closed", reason="done")}, "done."),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "changes", "told"), CASES, ids=[f"{n}-{i}" for i, (n, *_) in enumerate(CASES)]
)
def test_each_state_has_a_word_and_a_line_of_why(name: str, changes: dict[str, Any], told: str) -> None:
    found = verdict(known(**changes))
    assert (found.name, told in found.why) == (name, True), found


def test_what_is_worst_is_said_first() -> None:
    everything = report(e_value=120.0, missing="some", imbalances=(SKEWED,), evidence=(evidence(), RAIL))
    assert verdict(known(report=everything, without_data="away")).name == "drop found"
    assert verdict(known(report=everything.model_copy(update={"e_value": 2.0}))).name == "guardrail failing"
    assert verdict(known(report=everything, state=state(status="rolled_back"))).name == "rolled back"


def test_a_rollback_by_evidence_is_told_by_what_was_blamed() -> None:
    made = decision()
    proof = made.proof.model_copy(update={"blamed": ("support",), "evidence": (evidence(),)})
    made = made.model_copy(update={"proof": proof})
    fallen = state(status="rolled_back", decision_id=made.event_id, reason="M reached 100")
    assert verdict(known(state=fallen, fell=made)).why.startswith(
        "Support: 40% with the candidate, 90% with base"
    )
    by_hand = state(status="rolled_back", reason="complaints")
    assert verdict(known(state=by_hand, fell=made)).why.startswith("complaints.")


def test_what_the_last_hold_said_stands_beside_a_rollout_that_stays() -> None:
    held = decision("hold").model_copy(update={"reason": "the policy is manual: a person promotes"})
    assert verdict(known(held=held)).why.endswith("It stays: the policy is manual: a person promotes.")


def test_minus_is_worse_and_is_written_as_a_minus() -> None:
    assert [signed(points) for points in (-53.2, 4.6, 0.0)] == ["\N{MINUS SIGN}53", "+5", "+0"]
