"""Prompts are held out so that nothing is asked that is taught, and their weights are the traffic's."""

from __future__ import annotations

import numpy as np
import pytest

from evaluator.judge.tagging.holding_out import (
    UNCOVERED,
    WORDED_OTHERWISE,
    held_out,
    patterned,
    splits,
)
from evaluator.judge.tagging.stage import OUTSIDE

DRAW = np.random.default_rng(5)
LABELS = np.array([0] * 12 + [1] * 7 + [2] * 9 + [OUTSIDE] * 20)
TOPICS = np.array([0] * 28 + [n // 4 for n in range(20)])
CENTRES = DRAW.normal(size=(4, 16))
ROWS = CENTRES[LABELS] + 0.8 * DRAW.normal(size=(len(LABELS), 16))
ROWS = (ROWS / np.linalg.norm(ROWS, axis=1, keepdims=True)).astype(np.float32)


def test_nothing_is_asked_that_is_taught() -> None:
    for split in splits(ROWS, LABELS, TOPICS, 3, seed=0):
        assert not (split.taught & split.asked).any()
        assert split.asked.any()
        assert (split.weights[~split.asked] == 0.0).all()


def test_a_topic_of_general_prompts_is_held_out_whole() -> None:
    asked = [
        split for split in splits(ROWS, LABELS, TOPICS, 3, seed=0) if split.asked[LABELS == OUTSIDE].any()
    ]
    assert len(asked) == 5
    for split in asked:
        outside = LABELS == OUTSIDE
        assert not set(TOPICS[outside & split.asked]) & set(TOPICS[outside & split.taught])


def test_each_capability_is_left_out_once_and_then_nobody_is_right() -> None:
    whole = [
        split
        for split in splits(ROWS, LABELS, TOPICS, 3, seed=0)
        if not set(LABELS[split.asked]) & set(LABELS[split.taught])
    ]
    assert sorted(label for split in whole for label in set(LABELS[split.asked].tolist())) == [0, 1, 2]
    held = held_out(ROWS, LABELS, 3, whole)
    assert not held.right.any()
    assert not held.covered.any()


def test_weights_are_parts_of_the_traffic() -> None:
    held = held_out(ROWS, LABELS, 3, list(splits(ROWS, LABELS, TOPICS, 3, seed=0)))
    assert held.weights.sum() == pytest.approx(1.0)
    assert held.weights[~held.covered].sum() == pytest.approx(UNCOVERED)
    assert held.worded_otherwise.sum() == pytest.approx(1.0)
    assert (held.worded_otherwise[held.covered & ~held.otherwise] == 0.0).all()


def test_exemplars_of_one_pattern_leave_most_weight_to_other_wordings() -> None:
    one_pattern = CENTRES[LABELS] + 0.01 * DRAW.normal(size=ROWS.shape)
    one_pattern = (one_pattern / np.linalg.norm(one_pattern, axis=1, keepdims=True)).astype(np.float32)
    assert patterned(one_pattern, LABELS) == 1.0
    parts = []
    for rows in (ROWS, one_pattern):
        held = held_out(rows, LABELS, 3, list(splits(rows, LABELS, TOPICS, 3, seed=0)))
        parts.append(held.weights[held.otherwise].sum() / (1.0 - UNCOVERED))
    assert parts[1] == pytest.approx(WORDED_OTHERWISE[1])
    assert WORDED_OTHERWISE[0] - 1e-9 <= parts[0] < parts[1]


def test_with_one_exemplar_a_capability_nobody_is_ever_right() -> None:
    labels = np.array([0, 1, OUTSIDE, OUTSIDE])
    ways = list(splits(ROWS[:4], labels, np.array([0, 0, 0, 1]), 2, seed=0))
    assert not held_out(ROWS[:4], labels, 2, ways).right.any()
