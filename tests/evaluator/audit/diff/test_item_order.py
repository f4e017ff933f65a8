"""The order of items: random, seeded, whole clusters, and steady when items come or go."""

from __future__ import annotations

from collections import Counter

from evaluator.audit.diff.item_order import ordered_draws
from evaluator.audit.measures.measure import MeasureItem

ITEMS = [MeasureItem(f"i{n}") for n in range(60)]


def order(items: list[MeasureItem], seed: int = 7, measure: str = "facts/items") -> list[str]:
    return [item for draw in ordered_draws(items, seed, measure) for item in draw]


def test_every_item_is_met_once_and_the_order_is_not_that_of_the_file() -> None:
    assert Counter(order(ITEMS)) == Counter(i.id for i in ITEMS)
    assert order(ITEMS) != [i.id for i in ITEMS]


def test_the_seed_and_the_measure_set_the_order_and_nothing_else_does() -> None:
    assert order(ITEMS) == order(list(reversed(ITEMS)))
    assert order(ITEMS) != order(ITEMS, seed=8)
    assert order(ITEMS) != order(ITEMS, measure="sums/items")


def test_new_items_leave_the_order_of_the_old_ones_alone() -> None:
    more = [*ITEMS, *[MeasureItem(f"new{n}") for n in range(30)]]
    assert [i for i in order(more) if not i.startswith("new")] == order(ITEMS)


def test_a_cluster_is_drawn_whole_and_a_lone_item_of_the_same_name_is_not_part_of_it() -> None:
    items = [MeasureItem("a", "p"), MeasureItem("b"), MeasureItem("c", "p"), MeasureItem("p")]
    draws = ordered_draws(items, 1, "m")
    assert sorted(draws) == [("a", "c"), ("b",), ("p",)]


def test_each_item_comes_first_about_equally_often() -> None:
    firsts = Counter(order(ITEMS[:4], seed=s)[0] for s in range(2000))
    assert all(400 < firsts[i.id] < 600 for i in ITEMS[:4])
