from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.errors import UsageError
from trainer.data.mixture import Draw, Drawn, Ingredient, Mixture, drawn, schedule

weights = st.lists(st.integers(1, 60), min_size=1, max_size=9)
sizes = st.integers(1, 12)


@st.composite
def ingredients(draw: st.DrawFn) -> list[Ingredient]:
    parts = draw(weights)
    return [Ingredient(f"s{i}", part / sum(parts), draw(sizes)) for i, part in enumerate(parts)]


@given(weights)
def test_every_share_is_exact_to_within_one_example_at_every_slot(parts: list[int]) -> None:
    shares = [part / sum(parts) for part in parts]
    plan, counts = schedule(shares), [0] * len(parts)
    for slot in range(1, 150):
        counts[next(plan)] += 1
        assert all(abs(n - share * slot) < 1 for n, share in zip(counts, shares, strict=True))


@given(ingredients(), st.integers(1, 9), st.integers(0, 9))
def test_every_example_comes_once_before_any_comes_again(
    given_: list[Ingredient], batch: int, seed: int
) -> None:
    mixture = Mixture(given_, seed)
    draws = [draw for step in range(12) for draw in mixture.batch(step, batch)]
    for number, one in enumerate(given_):
        taken = [draw.number for draw in draws if draw.source == number]
        for first in range(0, len(taken), one.examples):
            epoch = taken[first : first + one.examples]
            assert len(set(epoch)) == len(epoch)
            assert set(epoch) <= set(range(one.examples))


@given(ingredients(), st.integers(1, 9), st.integers(0, 9), st.lists(st.integers(0, 12), max_size=4))
def test_a_resumed_run_takes_the_batches_that_the_whole_run_took(
    given_: list[Ingredient], batch: int, seed: int, asked: list[int]
) -> None:
    whole = Mixture(given_, seed)
    batches = [whole.batch(step, batch) for step in range(13)]
    resumed = Mixture(given_, seed)
    assert [resumed.batch(step, batch) for step in asked] == [batches[step] for step in asked]
    assert [draw for step in batches for draw in step] == resumed.take(13 * batch)


def test_the_order_changes_with_the_epoch_and_with_the_seed() -> None:
    one = [Ingredient("only", 1.0, 30)]
    draws = Mixture(one, 1).take(60)
    assert sorted(draws[:30]) == sorted(draws[30:])
    assert draws[:30] != draws[30:]
    assert Mixture(one, 2).take(30) != draws[:30]


def test_a_source_keeps_its_order_beside_others() -> None:
    alone = [draw.number for draw in Mixture([Ingredient("a", 1.0, 20)], 3).take(20)]
    beside = Mixture([Ingredient("b", 0.5, 5), Ingredient("a", 0.5, 20)], 3).take(40)
    assert [draw.number for draw in beside if draw.source == 1] == alone


def test_what_was_drawn_is_recorded() -> None:
    given_ = [Ingredient("target", 0.75, 10), Ingredient("cot", 0.25, 100)]
    draws = Mixture(given_, 7).take(40)
    counted = Counter(draw.source for draw in draws)
    rows = drawn(given_, draws)
    assert rows == [
        Drawn("target", 0.75, 10, counted[0], counted[0] / 10),
        Drawn("cot", 0.25, 100, counted[1], counted[1] / 100),
    ]
    assert [row.drawn for row in rows] == [30, 10]
    assert drawn(given_, [Draw(0, 3)])[1].epochs == 0


@pytest.mark.parametrize(
    ("given_", "why"),
    [
        ([Ingredient("a", 0.5, 3), Ingredient("b", 0.4, 3)], "add up to 1.*found 0.9: a 0.5, b 0.4"),
        ([Ingredient("a", 1.0, 3), Ingredient("b", 0.0, 3)], "above 0"),
        ([Ingredient("a", 0.5, 3), Ingredient("b", 0.5, 0)], "without an example: b"),
        ([Ingredient("a", 0.5, 3), Ingredient("a", 0.5, 3)], "of one name"),
    ],
)
def test_a_mixture_that_makes_no_sense_is_refused(given_: list[Ingredient], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        Mixture(given_, 7)
