import random
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.verifiers.judgement import Code
from evaluator.watch.evidence.decide import decide
from evaluator.watch.evidence.fold import RolloutEvidence
from evaluator.watch.evidence.missing import ALPHA, LEAST, NAME, PROMPT_CODES, MissingCheck
from evaluator.watch.evidence.units import Drawn, Draws
from telemetry.events import Stage
from tests.evaluator.support.scores import restored, rollout, score

NAMES = ("target", "facts", "json")


def _scores(count, missing, *, seed=1, share=0.5, code="no_grade", mean=0.8, hello=0.0, names=NAMES):
    """Equal arms, but for (control's, candidate's) chance that a judge gives no score. `hello` is untagged traffic."""
    rng, found = random.Random(seed), []
    for n in range(count):
        candidate, name, good = rng.random() < share, rng.choice(names), rng.random() < mean
        gone, greeting = rng.random() < missing[candidate], rng.random() < hello
        one = score(
            n, arm="candidate" if candidate else "control", share=share, capability=name, value=float(good)
        )
        if gone:
            one = one.model_copy(update={"value": None, "unscored": code})
        if greeting:
            one = one.model_copy(update={"capability": None, "value": None, "unscored": "untagged"})
        found.append(one)
    return found


def _run(spec, scores):
    evidence, made = RolloutEvidence(spec), []
    for offset, one in enumerate(scores):
        if evidence.settle(one, 0, offset) and (found := decide(evidence)):
            made.append(found)
    return evidence, made


def _spec():
    return rollout(stages=(Stage(share=0.5, min_units=3000),), advance="schedule")


@pytest.mark.parametrize("missing", [(0.0, 0.2), (0.05, 0.3), (0.25, 0.0)])
def test_scores_missing_for_one_arm_hold_under_their_own_name_and_are_no_broken_split(missing):
    for seed in range(10, 13):
        evidence, made = _run(_spec(), _scores(2000, missing, seed=seed))
        assert not evidence.ratio.broken
        assert {d.action for d in made} == {"hold"}
        more, fewer = ("candidate", "control") if missing[1] > missing[0] else ("control", "candidate")
        assert made[-1].reason.startswith(f"scores of {more} are missing more often")
        assert f"of {fewer} " in made[-1].reason
        assert "missing-score" in made[-1].proof.test


def test_the_hold_comes_at_the_score_that_proved_it_and_once():
    _, made = _run(_spec(), _scores(150, (0.0, 0.5)))
    (hold,) = made
    assert hold.proof.last_offset % 200
    assert hold.proof.blamed == ()


def test_the_proof_counts_what_was_due_and_what_came_of_each_arm():
    scores = _scores(1000, (0.0, 0.2), seed=3)
    _, made = _run(_spec(), scores)
    last = made[-1].proof
    (found,) = (e for e in last.evidence if e.capability == NAME)
    seen = scores[: last.last_offset + 1]
    for arm, counts in (("control", found.control), ("candidate", found.candidate)):
        due = [s for s in seen if s.assignment.arm == arm]
        assert counts.n == len(due)
        assert counts.mean == pytest.approx(sum(s.value is not None for s in due) / len(due))
    assert not found.watched


def test_nothing_is_promoted_while_scores_are_missing_for_one_arm():
    spec = rollout(stages=(Stage(share=0.5, min_units=1000), Stage(share=0.5)), advance="schedule")
    _, even = _run(spec, _scores(2000, (0.2, 0.2)))
    assert "promote" in {d.action for d in even}
    _, one_sided = _run(spec, _scores(2000, (0.0, 0.2)))
    assert {d.action for d in one_sided} == {"hold"}


def test_scores_missing_alike_are_left_alone_at_every_look():
    held = 0
    for seed in range(100):
        check, draws = MissingCheck(NAMES), Draws()
        for one in _scores(600, (0.2, 0.2), seed=seed, share=0.1):
            check.add(one, Drawn(one.assignment), draws)
        held += check.proven
    assert held <= 100 * ALPHA


@pytest.mark.parametrize("code", sorted(PROMPT_CODES))
def test_what_the_prompt_or_a_draw_decides_is_not_under_test(code):
    evidence, _ = _run(_spec(), _scores(400, (0.0, 0.5), code=code))
    assert not evidence.missing.suspicious
    assert evidence.missing.summary().unscored == 0


def test_the_codes_are_those_that_judges_and_scorer_use():
    assert set(get_args(Code)) >= PROMPT_CODES


@pytest.mark.parametrize("code", ["client_left", "router_stopped"])
def test_clients_that_leave_one_arm_are_under_test_and_so_is_what_the_router_cut(code):
    evidence, _ = _run(_spec(), _scores(800, (0.0, 0.3), code=code))
    assert evidence.missing.proven


def test_one_capability_whose_scores_are_missing_is_found_and_named():
    rng = random.Random(5)
    scores = []
    for n, one in enumerate(_scores(6000, (0.0, 0.0), names=("target", *["facts"] * 19))):
        lost = one.capability == "target" and one.assignment.arm == "candidate" and rng.random() < 0.4
        scores.append(one.model_copy(update={"value": None, "unscored": "no_grade"}) if lost else one)
        assert one.event_id == f"score-{n}"
    evidence, _ = _run(_spec(), scores)
    assert evidence.missing.proven
    assert "target" in evidence.missing.explain()


def test_a_difference_too_small_to_hide_anything_is_left_alone_however_certain():
    check, draws = MissingCheck(["facts"]), Draws()
    for n in range(40_000):
        candidate = n % 2 == 1
        gone = candidate and n % 499 == 0
        one = score(n, arm="candidate" if candidate else "control", value=None if gone else 1.0)
        one = one.model_copy(update={"unscored": "no_grade"}) if gone else one
        check.add(one, Drawn(one.assignment), draws)
    assert check.summary().e_value > 1.0 / ALPHA
    assert abs(check.summary().candidate.mean - check.summary().control.mean) < LEAST
    assert not check.suspicious


def test_a_subject_counts_with_its_first_interaction_that_was_to_be_scored():
    hello = {"capability": None, "value": None, "unscored": "untagged"}
    lost = {"value": None, "unscored": "no_grade"}
    ada = [score(n, subject="ada") for n in range(4)]
    evidence, _ = _run(
        _spec(), [ada[0].model_copy(update=hello), *(s.model_copy(update=lost) for s in ada[1:])]
    )
    assert (evidence.missing.summary().control.n, evidence.missing.summary().unscored) == (1, 1)


@given(pi=st.floats(0.01, 0.99))
def test_what_is_missing_moves_nothing_on_average_where_it_does_not_depend_on_the_arm(pi):
    after = []
    for arm in ("control", "candidate"):
        check = MissingCheck(["facts"])
        one = score(1, arm=arm, share=pi, value=None).model_copy(update={"unscored": "no_grade"})
        check.add(one, Drawn(one.assignment), Draws())
        after.append(check.summary().e_value)
    assert (1 - pi) * after[0] + pi * after[1] == pytest.approx(1.0)


def test_it_comes_back_from_its_snapshot():
    evidence = RolloutEvidence(_spec())
    scores = _scores(300, (0.1, 0.3), hello=0.3)
    for offset, one in enumerate(scores[:200]):
        evidence.settle(one, 0, offset)
    again, _ = restored(evidence)
    for offset, one in enumerate(scores[200:], start=200):
        for each in (evidence, again):
            each.settle(one, 0, offset)
    assert again.to_snapshot() == evidence.to_snapshot()
    assert again.missing.summary().unscored > 0


def test_a_broken_split_is_found_as_soon_where_a_part_of_the_scores_is_missing():
    def found_after(missing):
        evidence = RolloutEvidence(_spec())
        for n, one in enumerate(_scores(3000, missing, seed=8, share=0.5)):
            arm = one.assignment.model_copy(update={"share": 0.3})
            evidence.settle(one.model_copy(update={"assignment": arm}), 0, n)
            if evidence.ratio.broken:
                return n
        return None

    whole = found_after((0.0, 0.0))
    assert whole is not None
    assert found_after((0.25, 0.25)) == found_after((0.0, 0.25)) == whole
