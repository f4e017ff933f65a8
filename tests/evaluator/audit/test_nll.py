"""The early warning: an interval that holds whenever one looks, and nothing where there is too little."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from evaluator.audit.measures.answers import ItemAnswer
from evaluator.audit.nll import ALPHA, FEWEST, half_width, nll_change


def pairs(base: list[float | None], candidate: list[float | None]) -> list[tuple[ItemAnswer, ItemAnswer]]:
    return [
        (
            ItemAnswer(item=str(i), prompt="", answer="", value=1.0, reason="", gold_nll=b),
            ItemAnswer(item=str(i), prompt="", answer="", value=1.0, reason="", gold_nll=c),
        )
        for i, (b, c) in enumerate(zip(base, candidate, strict=True))
    ]


def test_the_change_is_the_mean_paired_difference() -> None:
    found = nll_change(pairs([1.0, 2.0, 3.0, None] * 5, [1.5, 2.5, 3.8, 9.0] * 5))
    assert found is not None
    assert (found.n, found.base, found.candidate) == (15, pytest.approx(2.0), pytest.approx(2.6))
    assert found.change == pytest.approx(0.6)
    assert found.lower < found.change < found.upper


def test_too_few_say_nothing() -> None:
    few: list[float | None] = [1.0] * (FEWEST - 1)
    assert nll_change(pairs(few, few)) is None
    assert nll_change(pairs([None] * 50, [1.0] * 50)) is None


def test_the_interval_is_narrowest_where_it_was_set_and_wider_than_a_fixed_ones() -> None:
    for n in (20, 100, 1000):
        assert 1.96 / n**0.5 < half_width(n, 1.0) < 4.5 / n**0.5
    assert half_width(100, 2.0) == pytest.approx(2 * half_width(100, 1.0))


def test_looking_after_every_item_it_errs_about_as_rarely_as_it_says() -> None:
    runs, rng = 400, np.random.default_rng(4)
    draws = rng.gamma(0.8, 1.0, size=(runs, 400)) - 0.8
    n = np.arange(1, 401)
    means = draws.cumsum(axis=1) / n
    deviations = np.sqrt(np.maximum((draws**2).cumsum(axis=1) / n - means**2, 0.0))
    widths = np.array([half_width(int(k), 1.0) for k in n])
    wrong = (np.abs(means) > widths * deviations)[:, 30:].any(axis=1).sum()
    assert wrong <= int(binom.ppf(0.9999, runs, ALPHA))
