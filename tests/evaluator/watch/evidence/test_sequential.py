import itertools
import math
import random
from decimal import Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.watch.evidence.sequential import (
    GRID,
    GRID_WEIGHTS,
    PROMOTION_SLACK,
    BroadPool,
    DropProcess,
    History,
    PromotionProcess,
    ShiryaevRoberts,
    combine,
    ln,
    pair_factors,
    reserve_after,
    unpaired_factors,
)

unit = st.floats(0.0, 1.0)
inner = st.floats(0.01, 0.99)
variance = st.floats(1e-4, 0.25)


def _expectation(pi, delta, p_a, p_b, mean_a, var_a, var_b, grid):
    """Brute force over arm and both outcomes: E[factor_j] for Bernoulli scores."""
    total = [0.0] * len(grid)
    for candidate, y in itertools.product((False, True), (0.0, 1.0)):
        p = p_b if candidate else p_a
        chance = (pi if candidate else 1 - pi) * (p if y else 1 - p)
        for j, f in enumerate(unpaired_factors(pi, candidate, y, delta, mean_a, var_a, var_b, grid)):
            total[j] += chance * f
    return total


@given(pi=inner, delta=st.floats(0.005, 0.4), p_a=unit, mean_a=unit, var_a=variance, var_b=variance)
def test_a_factor_expects_exactly_one_on_the_boundary_whatever_the_bettor_believes(
    pi, delta, p_a, mean_a, var_a, var_b
):
    p_a = max(p_a, delta)
    for e in _expectation(pi, delta, p_a, p_a - delta, mean_a, var_a, var_b, GRID):
        assert e == pytest.approx(1.0, abs=1e-9)


@given(pi=inner, delta=st.floats(0.005, 0.4), p_a=unit, gap=st.floats(-1, 1), mean_a=unit, var=variance)
def test_a_factor_expects_at_most_one_inside_the_null(pi, delta, p_a, gap, mean_a, var):
    p_b = min(1.0, max(p_a - min(gap, delta), 0.0))
    if p_a - p_b > delta:
        return
    assert max(_expectation(pi, delta, p_a, p_b, mean_a, var, var, GRID)) <= 1.0 + 1e-9


@given(pi=inner, margin=st.floats(0.01, 0.4), p_a=unit, mean_a=unit, var=variance)
def test_the_mirrored_factor_expects_one_at_a_gap_of_the_margin(pi, margin, p_a, mean_a, var):
    p_a = max(p_a, margin)
    grid = [s * margin for s in PROMOTION_SLACK]
    total = [0.0] * len(grid)
    for candidate, y in itertools.product((False, True), (0.0, 1.0)):
        p = p_a - margin if candidate else p_a
        chance = (pi if candidate else 1 - pi) * (p if y else 1 - p)
        factors = unpaired_factors(pi, candidate, 1 - y, -margin, 1 - mean_a, var, var, grid)
        total = [t + chance * f for t, f in zip(total, factors, strict=True)]
    assert total == pytest.approx([1.0] * len(grid), abs=1e-9)


@given(pi=inner, delta=st.floats(-0.4, 0.4), y=unit, candidate=st.booleans(), mean_a=unit, var=variance)
def test_no_single_score_takes_more_than_nine_tenths(pi, delta, y, candidate, mean_a, var):
    assert min(unpaired_factors(pi, candidate, y, delta, mean_a, var, var, GRID)) >= 0.1 - 1e-9


@given(p_a=unit, p_b=unit, both=st.floats(0, 1), delta=st.floats(0.005, 0.4), v=st.floats(1e-3, 1.0))
def test_a_pairs_factor_expects_at_most_one_under_the_null(p_a, p_b, both, delta, v):
    low, high = max(0.0, p_a + p_b - 1), min(p_a, p_b)
    joint = low + both * (high - low)
    chances = {(1, 1): joint, (1, 0): p_a - joint, (0, 1): p_b - joint, (0, 0): 1 - p_a - p_b + joint}
    total = [0.0] * len(GRID)
    for (a, b), chance in chances.items():
        total = [t + chance * f for t, f in zip(total, pair_factors(a - b, delta, v, GRID), strict=True)]
    for t in total:
        assert (t <= 1 + 1e-9) == (p_a - p_b <= delta + 1e-12) or t == pytest.approx(1.0, abs=1e-9)


def _naive(scores, delta, pi):
    """The process of statistics.md once more, from its formulas and full lists instead of running sums."""
    wealth, seen_a, seen_b = [0.5 * w for w in GRID_WEIGHTS], [], []
    old = 0.5
    for t, (candidate, y) in enumerate(scores, start=1):
        reserve = 0.5 / (1 + math.log(1 + t / 500))
        mean_a = (10 * 0.75 + sum(seen_a)) / (10 + len(seen_a))
        variances = []
        for seen in (seen_a, seen_b):
            k = len(seen)
            mean = (7.5 + sum(seen)) / (10 + k)
            own = sum(seen) / k if k else 0.75
            squares = 10 * 0.1875 + sum((x - own) ** 2 for x in seen) + 10 * k / (10 + k) * (own - 0.75) ** 2
            assert mean == pytest.approx((7.5 + k * own) / (10 + k))
            variances.append(squares / (10 + k))
        for j, g in enumerate(GRID):
            m = min(max(mean_a - pi * g, delta + 0.005), 0.995)
            v = variances[0] / (1 - pi) + variances[1] / pi
            bet = min(g / (v + g * g), 0.9 * min((1 - pi) / m, pi / (1 - m + delta)))
            x = -(y - m + delta) / pi if candidate else (y - m) / (1 - pi)
            wealth[j] = (wealth[j] + (old - reserve) * GRID_WEIGHTS[j]) * (1 + bet * x)
        old = reserve
        (seen_b if candidate else seen_a).append(y)
    return sum(wealth) + old


def test_the_process_equals_a_naive_calculation():
    rng = random.Random(5)
    scores = [(rng.random() < 0.25, rng.random()) for _ in range(400)]
    process, past = DropProcess(0.03), History()
    for candidate, y in scores:
        process.unpaired(past, 0.25, candidate, y)
        past.add(candidate, y)
    assert process.e_value == pytest.approx(_naive(scores, 0.03, 0.25), rel=1e-9)


def test_evidence_neither_grows_nor_shrinks_on_average_at_the_boundary():
    rng = random.Random(11)
    finals = []
    for _ in range(4000):
        process, past = DropProcess(0.05), History()
        for _ in range(60):
            candidate = rng.random() < 0.5
            y = float(rng.random() < (0.75 if candidate else 0.8))
            process.unpaired(past, 0.5, candidate, y)
            past.add(candidate, y)
        finals.append(process.e_value)
    mean = sum(finals) / len(finals)
    error = (sum((f - mean) ** 2 for f in finals) / len(finals) ** 2) ** 0.5
    assert abs(mean - 1) < 4 * error


def test_false_alarms_at_the_boundary_stay_below_alpha_under_looks_at_every_unit():
    rng = random.Random(12)
    alarms = 0
    for _ in range(300):
        process, past = DropProcess(0.05), History()
        for _ in range(500):
            candidate = rng.random() < 0.25
            process.unpaired(past, 0.25, candidate, y := float(rng.random() < (0.75 if candidate else 0.8)))
            past.add(candidate, y)
            if process.e_value >= 20:
                alarms += 1
                break
    assert alarms / 300 <= 0.05


def test_a_drop_is_found_by_units_and_sooner_by_pairs():
    rng = random.Random(13)
    units, pairs = DropProcess(0.02), DropProcess(0.02)
    past_units, past_pairs = History(), History()
    found = {}
    for n in range(1, 5001):
        a, b = float(rng.random() < 0.8), float(rng.random() < 0.6)
        candidate = rng.random() < 0.5
        units.unpaired(past_units, 0.5, candidate, b if candidate else a)
        past_units.add(candidate, b if candidate else a)
        pairs.pair(past_pairs, a - b)
        past_pairs.add_pair(a, b)
        for name, process in (("units", units), ("pairs", pairs)):
            if process.e_value >= 100:
                found.setdefault(name, n)
    assert found["pairs"] < found["units"] < 1000


def test_the_reserve_is_paid_in_and_nothing_is_created():
    assert reserve_after(0) == 0.5
    assert all(reserve_after(t) > reserve_after(t + 1) > 0 for t in range(0, 10_000, 100))
    process, past = DropProcess(0.02), History()
    process.pair(past, 0.02)  # a difference equal to the threshold wins and loses nothing
    assert process.e_value == pytest.approx(1.0, abs=1e-12)


@given(st.floats(1e-300, 1e300))
def test_the_logarithm_of_basic_arithmetic_is_the_logarithm(x):
    """Against 40 digits: within two units of the last place, near 1 as well."""
    exact = Decimal(x).ln(Context(prec=40))
    assert abs(Decimal(ln(x)) - exact) <= max(abs(exact) * Decimal(2) ** -51, Decimal(2) ** -53)


def test_a_late_drop_is_found_by_restarted_wealth():
    rng = random.Random(14)
    process, past = DropProcess(0.02), History()
    for n in range(20_000):
        a, b = float(rng.random() < 0.8), float(rng.random() < (0.85 if n < 15_000 else 0.6))
        process.pair(past, a - b)
        past.add_pair(a, b)
        if n == 14_999:
            assert process.e_value < 1
    assert process.e_value >= 100


def test_promotion_is_proven_for_an_equal_candidate_and_never_for_one_at_the_margin():
    rng = random.Random(15)
    equal, worse, past_e, past_w = PromotionProcess(0.1), PromotionProcess(0.1), History(), History()
    for _ in range(4000):
        candidate = rng.random() < 0.5
        same, lower = float(rng.random() < 0.8), float(rng.random() < (0.7 if candidate else 0.8))
        equal.unpaired(past_e, 0.5, candidate, same)
        past_e.add(candidate, same)
        worse.unpaired(past_w, 0.5, candidate, lower)
        past_w.add(candidate, lower)
    assert equal.best >= 100
    assert worse.best < 20


def test_pairs_prove_promotion_too():
    process, past = PromotionProcess(0.05), History()
    for _ in range(300):
        process.pair(past, 0.0)
        past.add_pair(1.0, 1.0)
    assert process.best >= 20


def test_huge_evidence_stays_finite():
    process, past, pool = DropProcess(0.02), History(), BroadPool()
    for _ in range(20_000):
        pool.multiply(process.pair(past, 1.0))
        past.add_pair(1.0, 0.0)
    assert math.isfinite(process.e_value)
    assert math.isfinite(pool.e_value)
    assert math.isfinite(combine([1.0], [process.e_value], pool.e_value))


def test_combination_starts_at_one_and_weighs_its_three_terms():
    assert combine([0.5, 0.5], [1.0, 1.0], 1.0) == pytest.approx(1.0)
    expected = 0.6 * (0.25 * 8 + 0.75 * 2) + 0.2 * (1 + 0.25 * 7) * (1 + 0.75 * 1) + 0.2 * 3
    assert combine([0.25, 0.75], [8.0, 2.0], 3.0) == pytest.approx(expected)


def test_history_and_processes_come_back_from_their_numbers():
    process, past = DropProcess(0.02), History()
    for n in range(50):
        process.unpaired(past, 0.3, n % 3 == 0, n % 2 / 2)
        past.add(n % 3 == 0, n % 2 / 2)
    other = DropProcess(0.02)
    other.restore(process.to_list())
    again = History.from_list(past.to_list())
    assert again.to_list() == past.to_list()
    assert process.unpaired(past, 0.3, True, 0.5) == other.unpaired(again, 0.3, True, 0.5)
    assert process.to_list() == other.to_list()


def test_shiryaev_roberts_grows_by_one_a_unit_under_the_null_and_finds_a_drop():
    rng = random.Random(16)
    ends = []
    for _ in range(2000):
        process, past, after = DropProcess(0.05), History(), ShiryaevRoberts()
        for _ in range(40):
            candidate = rng.random() < 0.5
            y = float(rng.random() < (0.75 if candidate else 0.8))
            after.multiply(process.unpaired(past, 0.5, candidate, y))
            past.add(candidate, y)
        ends.append(after.statistic)
    mean = sum(ends) / len(ends)
    error = (sum((e - mean) ** 2 for e in ends) / len(ends) ** 2) ** 0.5
    assert abs(mean - 40) < 4 * error
    for _ in range(600):
        after.multiply(process.pair(past, float(rng.random() < 0.4)))
    assert after.statistic > 1e6
