from itertools import pairwise

import pytest

from evaluator.watch.evidence.decide import HOLD_AT_LEAST, HOLD_EVERY, decide, hold_every, settings_sha256
from evaluator.watch.evidence.fold import RolloutEvidence
from telemetry.events import Stage
from tests.evaluator.support.scores import restored, rollout, score, stream

DROP = {"target": (0.3, 0.9), "facts": (0.9, 0.2), "json": (1.0, 0.2)}
SAME = dict.fromkeys(DROP, (0.9, 0.9))


def _run(spec, scores, restart_every=None):
    evidence, made, entries = RolloutEvidence(spec), [], b""
    for offset, one in enumerate(scores):
        if evidence.settle(one, 0, offset) and (decision := decide(evidence)):
            made.append(decision)
        if restart_every and offset % restart_every == 0:
            evidence, entries = restored(evidence, entries)
    return evidence, made


def test_a_drop_is_rolled_back_once_and_for_all():
    _, made = _run(rollout(), stream(1500, seed=1, means=DROP))
    assert [d.action for d in made].count("roll_back") == 1
    assert made[-1].action == "roll_back"


def test_the_proof_tells_what_decided():
    spec = rollout()
    scores = list(stream(1500, seed=1, means=DROP, shadow=0.1))
    _, made = _run(spec, scores)
    proof = made[-1].proof
    deciding = next(s for s in scores if s.event_id == proof.deciding_score)
    assert made[-1].time == deciding.time
    assert proof.e_value >= proof.bar == 100.0
    assert (proof.topic, proof.partition, proof.first_offset) == ("belay.scores", 0, 0)
    assert scores[proof.last_offset] == deciding
    assert len(proof.heaviest) == 10
    assert proof.settings_sha256 == settings_sha256(spec)
    assert proof.judges == ("j1",)
    assert [e.capability for e in proof.evidence] == ["target", "facts", "json", "missing:scores"]


def test_replay_gives_the_same_bytes_from_the_start_or_through_restarts():
    scores = list(stream(1500, seed=1, means=DROP, shadow=0.1, returning=0.2))
    _, once = _run(rollout(), scores)
    _, often = _run(rollout(), scores, restart_every=37)
    assert [d.model_dump_json() for d in once] == [d.model_dump_json() for d in often]


def test_an_equal_candidate_is_held_under_the_manual_policy():
    _, made = _run(rollout(), stream(1000, seed=2, means=SAME))
    assert {d.action for d in made} == {"hold"}
    assert len(made) == 1000 // HOLD_EVERY
    assert "a person promotes" in made[0].reason


def test_the_schedule_promotes_once_per_stage_after_its_units():
    spec = rollout(
        stages=(Stage(share=0.5, min_units=50), Stage(share=0.5, min_units=30)), advance="schedule"
    )
    arms = ("control", "candidate")
    scores = [score(n, arm=arms[n % 2], stage=0 if n < 80 else 1) for n in range(150)]
    _, made = _run(spec, scores)
    promoted = [(d.stage, d.proof.last_offset) for d in made if d.action == "promote"]
    assert promoted == [(0, 49), (1, 109)]


def test_returning_subjects_do_not_count_towards_a_stage():
    spec = rollout(stages=(Stage(share=0.5, min_units=2), Stage(share=1.0)), advance="schedule")
    evidence, made = _run(spec, [score(n, subject="s") for n in range(50)])
    assert made == []
    assert evidence.stage_units == {0: 1}


def test_evidence_promotes_only_when_every_capability_proved_the_margin():
    spec = rollout(stages=(Stage(share=0.5, margin=0.15, min_units=10),), advance="evidence")
    _, early = _run(spec, stream(60, seed=3, means=SAME))
    assert [d for d in early if d.action == "promote"] == []
    evidence, made = _run(spec, stream(4000, seed=3, means=SAME))
    assert [d.action for d in made].count("promote") == 1
    assert min(evidence.promotion_evidence(0).values()) >= 1 / 0.05
    for bar in (*evidence.promotion_evidence(0).values(), float("inf")):
        below = tuple(name for name, e in evidence.promotion_evidence(0).items() if e < bar)
        assert evidence.unproven(0, bar) == below
    one_missing = {"target": (0.9, 0.9), "facts": (0.9, 0.9)}
    _, held = _run(spec, stream(4000, seed=3, means=one_missing))
    assert {d.action for d in held} == {"hold"}
    assert "json" in held[-1].reason


def test_nothing_is_promoted_after_a_breach():
    spec = rollout(stages=(Stage(share=0.5, min_units=700),), advance="schedule")
    _, made = _run(spec, stream(1500, seed=1, means=DROP))
    assert "promote" not in {d.action for d in made}


def test_scores_without_units_are_held_for_want_of_data():
    spec = rollout(stages=(Stage(share=0.0),), advance="schedule")
    _, made = _run(spec, [score(n, share=0.0) for n in range(HOLD_EVERY)])
    assert made[0].reason.startswith("no data")


def test_without_a_score_there_is_no_decision():
    assert decide(RolloutEvidence(rollout())) is None


def test_a_repeated_call_repeats_the_decision_under_the_same_id():
    evidence, entries = RolloutEvidence(rollout()), b""
    for offset, one in enumerate(stream(1500, seed=1, means=DROP)):
        evidence.settle(one, 0, offset)
        if first := decide(evidence):
            again, entries = restored(evidence, entries)
            assert decide(again) == first
            if first.action == "roll_back":
                return
    pytest.fail("the drop was not rolled back")


def test_arms_that_do_not_follow_the_share_stop_the_rollout_and_say_where():
    spec = rollout()
    scores = [score(n).model_copy(update={"router": "router-a"}) for n in range(60)]
    _, made = _run(spec, scores)
    assert [d.action for d in made] == ["roll_back"]
    assert "sample-ratio" in made[0].proof.test
    assert "router router-a: 0 of" in made[0].reason


def test_a_judge_that_changed_is_held_as_stale():
    spec = rollout(stages=(Stage(share=0.5, min_units=10),), advance="schedule")
    arms = ("control", "candidate")
    scores = [
        score(n, arm=arms[n % 2]).model_copy(update={"judge": "j1" if n else "j0"}) for n in range(HOLD_EVERY)
    ]
    _, made = _run(spec, scores)
    assert [d.action for d in made] == ["hold"]
    assert made[0].reason.startswith("calibration stale")


def test_a_drop_after_the_full_rollout_is_found_long_after_it():
    spec = rollout(stages=(Stage(share=0.5, min_units=50),), advance="schedule")
    before = stream(200, seed=7, means=SAME)
    fine = dict.fromkeys(DROP, (0.8, 0.85))
    after = stream(1500, seed=8, means=fine, share=0.9, shadow=0.5)
    broken = stream(1500, seed=9, means=DROP, share=0.9, shadow=0.5)
    scores = [s.model_copy(update={"event_id": f"e{n}"}) for n, s in enumerate([*before, *after, *broken])]
    evidence, made = _run(spec, scores)
    rolled = [d for d in made if d.action == "roll_back"]
    assert len(rolled) == 1
    assert 1700 < rolled[0].proof.last_offset < 2000
    assert evidence.broke_after_rollout


def _changed(spec, name, **update):
    changed = [c.model_copy(update=update) if c.name == name else c for c in spec.capabilities]
    return spec.model_copy(update={"capabilities": tuple(changed)})


def _promoting(advance):
    return rollout(
        stages=(Stage(share=0.5, margin=0.15, min_units=10), Stage(share=0.5, margin=0.15)), advance=advance
    )


def test_a_margin_that_a_judges_error_may_hide_is_never_promoted_and_named():
    _, free = _run(_promoting("evidence"), stream(4000, seed=3, means=SAME))
    assert "promote" in {d.action for d in free}
    spec = _changed(_promoting("evidence"), "json", tolerated=0.02, threshold=0.2, judge_hides=0.15)
    _, made = _run(spec, stream(4000, seed=3, means=SAME))
    assert {d.action for d in made} == {"hold"}
    assert made[-1].reason.startswith("not provable")
    assert "json" in made[-1].reason


def test_what_only_holds_is_held_at_a_drop_and_not_rolled_back():
    means = SAME | {"json": (0.9, 0.2)}
    spec = _changed(
        _promoting("schedule"), "json", watched=False, weight=0.0, holds=True, unwatched="no calibration"
    )
    evidence, made = _run(spec, stream(1500, seed=4, means=means), restart_every=100)
    assert {d.action for d in made} <= {"hold", "promote"}
    assert made[-1].action == "hold"
    assert made[-1].reason.startswith("json dropped in the eyes of a judge")
    assert evidence.summary()[2].unwatched == "no calibration"
    _, watched = _run(_promoting("schedule"), stream(1500, seed=4, means=means))
    assert "roll_back" in {d.action for d in watched}


def test_no_evidence_promotes_while_a_capability_has_no_judge_that_could_prove_it():
    update = {"watched": False, "weight": 0.0, "holds": True}
    _, made = _run(_changed(_promoting("evidence"), "json", **update), stream(4000, seed=3, means=SAME))
    assert {d.action for d in made} == {"hold"}
    _, scheduled = _run(_changed(_promoting("schedule"), "json", **update), stream(4000, seed=3, means=SAME))
    assert "promote" in {d.action for d in scheduled}


def test_a_moved_threshold_is_shown_beside_the_briefs():
    spec = _changed(rollout(), "json", tolerated=0.02, threshold=0.2, judged_by="learned, 500 gold pairs")
    shown = RolloutEvidence(spec).summary()[2]
    assert (shown.threshold, shown.tolerated, shown.judged_by) == (0.2, 0.02, "learned, 500 gold pairs")


def test_holds_come_more_rarely_the_longer_it_lasts_and_never_stop():
    due = [settled for settled in range(1, 1_000_000) if settled % hold_every(settled) == 0]
    assert due[:3] == [HOLD_EVERY, 2 * HOLD_EVERY, 3 * HOLD_EVERY]
    assert len(due) < 500
    assert max(b - a for a, b in pairwise(due)) <= HOLD_AT_LEAST
