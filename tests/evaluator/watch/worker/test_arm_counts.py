from __future__ import annotations

from evaluator.watch.worker.arm_counts import BOUNDS_S, MOST, QUIET_S, ArmCounts, ArmResult
from tests.evaluator.support.scores import score


def test_a_rollout_begins_with_both_arms_at_nothing_so_that_no_first_answer_is_missed() -> None:
    counts = ArmCounts()
    counts.see(score(1, arm="candidate", value=None))
    assert set(counts.shown()) == {
        ArmResult("r1", "control", "scored", 0),
        ArmResult("r1", "candidate", "scored", 0),
        ArmResult("r1", "candidate", "no_reference", 1),
    }


def test_a_rollout_that_nothing_comes_of_is_not_shown_and_goes_on_where_it_was() -> None:
    now = [0.0]
    counts = ArmCounts(lambda: now[0])
    counts.see(score(1))
    now[0] = QUIET_S
    assert list(counts.shown()) == []
    counts.see(score(2))
    assert ArmResult("r1", "control", "scored", 2) in set(counts.shown())


def test_so_many_rollouts_are_counted_and_the_quietest_goes_first() -> None:
    counts = ArmCounts()
    for number in range(MOST):
        counts.see(score(number, rollout_id=f"r{number}"))
    counts.see(score(0, rollout_id="r0"))
    counts.see(score(0, rollout_id="another"))
    there = {each.rollout_id for each in counts.shown()}
    assert len(there) == MOST
    assert "r0" in there
    assert "r1" not in there


def test_an_arms_own_answers_are_counted_with_failures_refusals_and_how_long_the_others_took() -> None:
    counts = ArmCounts()
    for number, (arm, changes) in enumerate(
        [
            ("control", {"total_ms": 40.0}),
            ("candidate", {"total_ms": 900.0, "other_value": 1.0}),  # a shadow is nobody's own
            ("candidate", {"failed": True, "total_ms": 1.0}),  # an error that comes fast is not a fast answer
            ("candidate", {"refused": True, "total_ms": 40.0}),
        ]
    ):  # fmt: skip
        made = score(number, arm=arm)
        counts.see(made.model_copy(update=changes))
    told = {each.arm: each for each in counts.answers()}
    assert [(e.answers, e.failed, e.refused) for e in (told["control"], told["candidate"])] == [
        (1, 0, 0),
        (3, 1, 1),
    ]
    filled = {bound: n for bound, n in told["candidate"].seconds.items() if n}
    bounds = [min(bound for bound in BOUNDS_S if bound >= seconds) for seconds in (0.04, 0.9)]
    assert filled == {**dict.fromkeys(map(str, bounds), 1), "sum_us": 940_000}
