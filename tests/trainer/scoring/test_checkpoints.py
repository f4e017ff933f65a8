from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.scoring.checkpoints import (
    CapabilityScore,
    Evaluation,
    best,
    eligible,
    enough,
    front,
    nothing_new,
    too_far,
)


def capability(
    name: str, base: float, candidate: float, *, verdict: str = "inconclusive", **other: object
) -> CapabilityScore:
    role = "target" if name == "target" else "adjacent"
    given = {"role": role, "threshold": 0.05, "n": 16, "verdict": verdict, **other}
    return CapabilityScore(name=name, base=base, candidate=candidate, **given)  # type: ignore[arg-type]


def evaluation(
    step: int, target: float, kept: float, *, over: int = 0, kl: float | None = None
) -> Evaluation:
    """One adjacent capability of base 1, of which `kept` is kept, and `over` more that stayed but are over."""
    more = [capability(f"over_{n}", kept, kept * kept, verdict="fail") for n in range(over)]
    adjacent = capability("adjacent", 1.0, kept)
    return Evaluation(step=step, capabilities=(capability("target", 0.0, target), adjacent, *more), kl=kl)


tenths = st.integers(0, 10).map(lambda n: n / 10)
evaluations = st.lists(st.tuples(tenths, tenths, st.integers(0, 2)), min_size=1, max_size=9).map(
    lambda points: [evaluation(i + 1, t, r, over=o) for i, (t, r, o) in enumerate(points)]
)


def dominated(one: Evaluation, by: Evaluation) -> bool:
    (a, b), (x, y) = one.point, by.point
    return x >= a and y >= b and (x > a or y > b)


def test_retention_is_one_minus_the_mean_relative_loss_above_the_floor() -> None:
    found = Evaluation(
        step=1,
        capabilities=(
            capability("target", 0.1, 0.9),
            capability("half_lost", 0.8, 0.4),
            capability("gained", 0.5, 0.55),
            capability("floor", 0.1, 0.0, floor="base scores 10%"),
        ),
    )
    assert found.target == 0.9
    assert found.retention == pytest.approx(1 - (0.5 - 0.1) / 2)


def test_retention_cannot_be_told_where_everything_is_at_the_floor() -> None:
    only = (capability("target", 0.1, 0.9), capability("floor", 0.1, 0.0, floor="base scores 10%"))
    assert Evaluation(step=1, capabilities=only).retention is None


def test_over_are_those_that_certainly_fell_and_are_not_at_the_floor() -> None:
    found = Evaluation(
        step=1,
        capabilities=(
            capability("target", 0.1, 0.9, verdict="pass"),
            capability("lost", 0.8, 0.4, verdict="fail"),
            capability("open", 0.8, 0.7),
            capability("floor", 0.1, 0.0, verdict="fail", floor="at the floor"),
        ),
    )
    assert found.over == ("lost",)


@given(evaluations)
def test_the_front_holds_every_point_that_no_other_dominates_once(found: list[Evaluation]) -> None:
    kept = front(found)
    wanted = {e.point for e in found if not any(dominated(e, other) for other in found)}
    assert [e.point for e in kept] == list(dict.fromkeys(e.point for e in found if e.point in wanted))
    assert all(e == next(x for x in found if x.point == e.point) for e in kept)


@given(evaluations)
def test_the_best_is_on_the_front_and_no_other_there_is_better_by_the_rule(found: list[Evaluation]) -> None:
    chosen = best(found)
    assert chosen in front(found)
    for other in front(found):
        assert len(chosen.over) <= len(other.over)
        if len(chosen.over) == len(other.over):
            assert chosen.target >= other.target


def test_the_best_gives_target_for_fewer_capabilities_over_their_threshold() -> None:
    found = [evaluation(10, 0.7, 0.9), evaluation(20, 0.9, 0.8, over=1), evaluation(30, 1.0, 0.2, over=1)]
    assert best(found).step == 10


@given(evaluations, st.integers(1, 4))
def test_training_stops_once_so_many_evaluations_in_a_row_changed_no_front(
    found: list[Evaluation], patience: int
) -> None:
    points = [{e.point for e in front(found[:n])} for n in range(len(found) + 1)]
    idle = [points[n] == points[n + 1] for n in range(len(found))]
    assert nothing_new(found, patience) == (len(found) > patience and all(idle[-patience:]))


away = st.lists(
    st.tuples(tenths, tenths, st.none() | st.integers(0, 4).map(float)), min_size=1, max_size=8
).map(lambda points: [evaluation(i + 1, t, r, kl=kl) for i, (t, r, kl) in enumerate(points)])


@given(away, st.sampled_from([0.5, 1.0, 2.5, 9.0]))
def test_what_is_too_far_from_base_is_not_chosen_unless_all_are_and_then_it_is_the_least_far(
    found: list[Evaluation], most_kl: float
) -> None:
    near = [one for one in found if one.kl is None or one.kl <= most_kl]
    chosen = best(found, most_kl)
    if near:
        assert chosen == best(near)
        assert list(eligible(found, most_kl)) == near
    else:
        least = min(one.kl for one in found if one.kl is not None)
        assert chosen == next(one for one in found if one.kl == least)


@given(away)
def test_without_a_limit_the_distance_decides_nothing(found: list[Evaluation]) -> None:
    assert list(eligible(found, None)) == found
    plain = [evaluation(one.step, one.target or 0.0, one.retention or 0.0) for one in found]
    assert best(found).step == best(plain).step
    assert not enough(found, None, None)


def test_training_stops_after_the_first_checkpoint_that_is_too_far() -> None:
    found = [evaluation(n, 0.1 * n, 0.9, kl=0.2 * n) for n in range(1, 6)]
    assert [enough(found[:n], None, 0.5) for n in range(1, 4)] == [False, False, True]
    assert not too_far(evaluation(1, 0.1, 0.9, kl=0.5), 0.5)
    assert not enough([evaluation(1, 0.1, 0.9)], None, 0.5)
    assert not enough([], 1, 0.5)


@given(evaluations, st.integers(1, 4))
def test_a_limit_on_the_distance_leaves_patience_as_it_is(found: list[Evaluation], patience: int) -> None:
    assert enough(found, patience, 0.5) == nothing_new(found, patience)


def test_an_evaluation_that_was_kept_before_the_distance_was_measured_is_read() -> None:
    old = evaluation(3, 0.5, 0.9).model_dump(mode="json", exclude={"kl"})
    assert Evaluation.model_validate(old) == evaluation(3, 0.5, 0.9)
