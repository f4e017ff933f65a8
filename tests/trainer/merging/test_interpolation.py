from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainer.merging.interpolation import Method, angle, between, layer_count, weight_of

METHODS: tuple[Method, ...] = ("linear", "slerp")
weights = st.floats(0, 1)
numbers = st.floats(-10, 10, width=32)
vectors = st.lists(numbers, min_size=3, max_size=3).map(torch.tensor)


def test_slerp_on_the_unit_circle_turns_evenly() -> None:
    for degrees in (1e-3, 5.0, 60.0, 120.0, 179.0):
        a = math.radians(degrees)
        start, end = torch.tensor([1.0, 0.0]), torch.tensor([math.cos(a), math.sin(a)])
        for weight in (0.1, 0.5, 0.9):
            expected = torch.tensor([math.cos(weight * a), math.sin(weight * a)])
            torch.testing.assert_close(between(start, end, weight, "slerp"), expected, rtol=1e-5, atol=1e-5)


def test_slerp_of_tensors_of_one_length_keeps_it_and_linear_does_not() -> None:
    start, end = torch.tensor([[3.0, 0.0], [0.0, 0.0]]), torch.tensor([[0.0, 0.0], [0.0, 3.0]])
    assert float(between(start, end, 0.5, "slerp").norm()) == pytest.approx(3.0)
    assert float(between(start, end, 0.5, "linear").norm()) == pytest.approx(3.0 / math.sqrt(2))


@given(vectors, vectors)
def test_the_ends_are_exact(start: torch.Tensor, end: torch.Tensor) -> None:
    for method in METHODS:
        assert torch.equal(between(start, end, 0.0, method), start)
        assert torch.equal(between(start, end, 1.0, method), end)


@given(vectors, st.floats(0.0, 4.0, width=32), weights)
def test_where_there_is_no_one_arc_slerp_is_linear(start: torch.Tensor, factor: float, weight: float) -> None:
    for end in (start * factor, torch.zeros(3), -start):
        one, other = (between(start, end, weight, method) for method in METHODS)
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


@given(vectors, vectors, weights)
def test_slerp_one_way_is_slerp_the_other_way_with_the_other_weight(
    start: torch.Tensor, end: torch.Tensor, weight: float
) -> None:
    if 1e-3 < angle(start, end) < math.pi - 1e-2:  # near the opposite the sines' quotient magnifies rounding
        there, back = between(start, end, weight, "slerp"), between(end, start, 1.0 - weight, "slerp")
        torch.testing.assert_close(there, back, rtol=1e-3, atol=1e-3)


def test_small_angles_are_exact_where_the_arc_cosine_sees_none() -> None:
    for expected in (1e-10, 1e-8, 1e-4, 1.0, 3.0):
        one = torch.tensor([1.0, 0.0], dtype=torch.float64)
        other = torch.tensor([math.cos(expected), math.sin(expected)], dtype=torch.float64) * 7
        assert angle(one, other) == pytest.approx(expected, rel=1e-6)
    assert angle(torch.zeros(2), torch.ones(2)) == 0.0


def test_a_fine_tune_lies_so_near_that_slerp_is_linear_up_to_the_square_of_the_angle() -> None:
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(50, 50, generator=generator)
    end = start + 0.02 * torch.randn(50, 50, generator=generator)
    a = angle(start, end)
    difference = between(start, end, 0.5, "slerp") - between(start, end, 0.5, "linear")
    assert 0.01 < a < 0.04
    assert float(difference.norm() / start.norm()) < a**2


def test_thirds_of_the_layers_and_what_lies_around_them() -> None:
    names = [f"model.layers.{i}.mlp.up_proj.weight" for i in range(7)]
    assert layer_count([*names, "model.embed_tokens.weight", "lm_head.weight"]) == 7
    assert [weight_of(name, 7, (1.0, 2.0, 3.0)) for name in names] == [1, 1, 1, 2, 2, 3, 3]
    assert weight_of("model.embed_tokens.weight", 7, (1.0, 2.0, 3.0)) == 1
    assert weight_of("model.norm.weight", 7, (1.0, 2.0, 3.0)) == 3
    assert weight_of("lm_head.weight", 7, (1.0, 2.0, 3.0)) == 3
    assert {weight_of(name, 7, (0.5,)) for name in names} == {0.5}
