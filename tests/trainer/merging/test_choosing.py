from __future__ import annotations

import itertools
from collections.abc import Callable, Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.merging.choosing import merge_search
from trainer.merging.interpolation import Weights

LADDER = (0.2, 0.4, 0.6, 0.8, 1.0)


def falls_above(limit: float) -> Callable[[Weights], Collection[str]]:
    return lambda weights: ["facts"] if max(weights) > limit else []


@pytest.mark.parametrize(
    ("limit", "chosen"), [(1.0, (1.0,)), (0.9, (0.8,)), (0.4, (0.4,)), (0.2, (0.2,)), (0.1, None)]
)
def test_the_heaviest_weight_that_keeps_every_capability(limit: float, chosen: Weights | None) -> None:
    choice = merge_search(LADDER, falls_above(limit))
    assert choice.weights == chosen
    assert choice.trials[0].weights == (1.0,)
    assert len(choice.trials) <= 4


def test_where_the_fine_tune_itself_keeps_all_nothing_more_is_asked() -> None:
    assert len(merge_search((1.0, 0.5, 0.25), falls_above(1.0)).trials) == 1


def test_the_order_of_the_weights_and_repetitions_do_not_matter() -> None:
    assert merge_search((0.8, 0.2, 1.0, 0.8), falls_above(0.9)).weights == (0.8,)


def test_what_fell_is_told_for_every_weight_that_was_asked() -> None:
    choice = merge_search((0.5, 1.0), lambda weights: {"lists", "facts"} if weights[0] > 0.7 else ())
    assert [(t.weights, t.fallen) for t in choice.trials] == [((1.0,), ("facts", "lists")), ((0.5,), ())]


@given(st.sets(st.sampled_from(LADDER)), st.booleans())
def test_the_chosen_weights_were_asked_and_kept_all_however_capabilities_behave(
    bad: set[float], groups: bool
) -> None:
    asked: list[Weights] = []

    def fallen(weights: Weights) -> list[str]:
        asked.append(weights)
        return ["facts"] if bad & set(weights) else []

    choice = merge_search(LADDER, fallen, groups=groups)
    assert [trial.weights for trial in choice.trials] == asked
    assert len(set(asked)) == len(asked)
    if choice.weights is None:
        assert all(trial.fallen for trial in choice.trials)
    else:
        assert next(t for t in choice.trials if t.weights == choice.weights).fallen == ()


def test_thirds_are_raised_one_by_one_from_the_last_as_far_as_they_go() -> None:
    limits = (0.4, 0.6, 1.0)

    def fallen(weights: Weights) -> list[str]:
        three = weights * 3 if len(weights) == 1 else weights
        return [f"third {i}" for i, (w, limit) in enumerate(zip(three, limits, strict=True)) if w > limit]

    assert merge_search(LADDER, fallen).weights == (0.4,)
    assert merge_search(LADDER, fallen, groups=True).weights == (0.4, 0.6, 1.0)


def test_where_no_third_can_be_raised_the_common_weight_stays() -> None:
    assert merge_search(LADDER, falls_above(0.4), groups=True).weights == (0.4,)


def test_a_steady_fall_is_found_exactly_on_every_ladder() -> None:
    for size in range(1, 9):
        ladder = [(i + 1) / size for i in range(size)]
        for limit in (*ladder, 0.0):
            expected = max((w for w in ladder if w <= limit), default=None)
            found = merge_search(ladder, falls_above(limit)).weights
            assert found == (None if expected is None else (expected,))


def test_thirds_never_do_worse_than_the_common_weight() -> None:
    for limits in itertools.product((0.2, 0.6, 1.0), repeat=3):

        def fallen(weights: Weights, limits: tuple[float, ...] = limits) -> list[str]:
            three = weights * 3 if len(weights) == 1 else weights
            return ["facts"] if any(w > limit for w, limit in zip(three, limits, strict=True)) else []

        assert merge_search(LADDER, fallen, groups=True).weights in (limits, limits[:1])
