"""Which examples share a pass: no grouping at all costs less, found by trying every one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hypothesis import given
from hypothesis import strategies as st

from trainer.data.lengths import grouped


def cost(groups: Sequence[Sequence[int]], lengths: Sequence[int], fixed: int) -> int:
    return sum(max(lengths[place] for place in group) * len(group) + fixed for group in groups)


def partitions(places: Sequence[int]) -> Iterator[list[list[int]]]:
    if not places:
        yield []
        return
    first, *rest = places
    for smaller in partitions(rest):
        yield [[first], *smaller]
        for number, group in enumerate(smaller):
            yield [*smaller[:number], [first, *group], *smaller[number + 1 :]]


@given(st.lists(st.integers(1, 300), min_size=1, max_size=7), st.integers(0, 400))
def test_no_grouping_costs_less(lengths: list[int], fixed: int) -> None:
    least = min(cost(groups, lengths, fixed) for groups in partitions(range(len(lengths))))
    assert cost(grouped(lengths, fixed), lengths, fixed) == least


@given(st.lists(st.integers(1, 300), max_size=20), st.integers(0, 400))
def test_every_example_is_in_one_group_and_groups_keep_the_order(lengths: list[int], fixed: int) -> None:
    groups = grouped(lengths, fixed)
    assert sorted(place for group in groups for place in group) == list(range(len(lengths)))
    assert all(group == sorted(group) for group in groups)


def test_like_lengths_stay_together() -> None:
    assert grouped([30] * 8, 48) == [list(range(8))]
    assert grouped([30, 180, 31, 170], 48) == [[0, 2], [1, 3]]
