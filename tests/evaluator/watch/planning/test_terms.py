import pytest

from evaluator.briefs.schema import JudgeSettings
from evaluator.judge.judges.calibration import Calibration
from evaluator.watch.planning.terms import brief_watches
from tests.evaluator.support import audits
from tests.evaluator.support.briefs import brief

LOADED = brief()
BASELINE = audits.baseline(LOADED)


def _watches(calibrations=None, by_model=()):
    judge = JudgeSettings.model_validate({"endpoint": {"url": "http://j", "model": "m", "rubric": "Good?"}})
    capabilities = tuple(
        c.model_copy(update={"judge": judge}) if c.name in by_model else c for c in LOADED.brief.capabilities
    )
    loaded = LOADED.model_copy(
        update={"brief": LOADED.brief.model_copy(update={"capabilities": capabilities})}
    )
    return {w.name: w for w in brief_watches(loaded, BASELINE, calibrations or {})}


def test_what_programs_judge_keeps_the_briefs_threshold():
    facts = _watches()["facts"]
    assert (facts.judged_by, facts.threshold) == ("program", LOADED.brief.capability("facts").threshold)
    assert (facts.tolerated, facts.unwatched, facts.holds) == (None, None, False)


def test_a_capability_at_the_floor_says_so_and_stands_in_nobodys_way():
    riddles = _watches()["riddles"]
    assert (riddles.unwatched or "").startswith("at the floor: ")
    assert (riddles.watched, riddles.holds) == (False, False)


def test_a_model_without_calibration_may_hold_and_takes_no_weight():
    watches = _watches(by_model=("facts",))
    assert (watches["facts"].watched, watches["facts"].holds, watches["facts"].weight) == (False, True, 0.0)
    assert "the model m" in (watches["facts"].unwatched or "")
    assert sum(w.weight for w in watches.values()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("unseen", "base"), [(("prompt", "agreement"), None), (("prompt", "likelihood"), {"likelihood": 0.5})]
)
def test_what_no_audit_measured_may_hold_and_not_roll_back(unseen, base):
    facts = LOADED.brief.capability("facts")
    judge = JudgeSettings.model_validate({"verifier": facts.judge.verifier, "unseen": unseen, "base": base})
    capabilities = tuple(
        c.model_copy(update={"judge": judge}) if c.name == "facts" else c for c in LOADED.brief.capabilities
    )
    loaded = LOADED.model_copy(
        update={"brief": LOADED.brief.model_copy(update={"capabilities": capabilities})}
    )
    watch = {w.name: w for w in brief_watches(loaded, BASELINE)}["facts"]
    assert (watch.watched, watch.holds, watch.weight) == (False, True, 0.0)


@pytest.mark.parametrize("by_model", [(), ("facts",)])
def test_a_calibration_moves_the_threshold_and_keeps_the_briefs_beside_it(by_model):
    own = LOADED.brief.capability("facts").threshold
    facts = _watches({"facts": Calibration(0.07, 0.04, 500)}, by_model)["facts"]
    assert facts.threshold == pytest.approx(own + 0.07)
    assert (facts.tolerated, facts.judge_hides, facts.watched) == (own, 0.04, True)
    assert "500 gold pairs" in facts.judged_by


def test_a_calibration_that_leaves_nothing_to_see_may_only_hold():
    facts = _watches({"facts": Calibration(2.0, 2.0, 0)})["facts"]
    assert facts.holds
    assert "errs too much" in (facts.unwatched or "")
