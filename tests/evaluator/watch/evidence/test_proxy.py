import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.watch.evidence.proxy import powered_drop_process, powered_score, score_range
from evaluator.watch.evidence.sequential import DropProcess, History
from telemetry.errors import UsageError

unit = st.floats(0.0, 1.0)


@given(proxy=unit, judged=unit, rho=st.floats(0.05, 1.0))
def test_it_expects_the_judges_score_whatever_the_proxy_says(proxy, judged, rho):
    mean = rho * powered_score(proxy, judged, rho) + (1 - rho) * powered_score(proxy, None, rho)
    assert mean == pytest.approx(judged, abs=1e-9)
    low, high = score_range(rho)
    assert low - 1e-9 <= powered_score(proxy, judged, rho) <= high + 1e-9


@pytest.mark.parametrize("proxy", [{0: 0.0, 1: 1.0}, {0: 1.0, 1: 0.0}, {0: 0.5, 1: 0.5}])
def test_evidence_expects_at_most_one_with_a_perfect_a_perverse_and_a_blind_proxy(proxy):
    """Brute force over arm, score and whether it was judged, at the boundary of the null."""
    rho, pi, p_a, delta = 0.3, 0.25, 0.8, 0.05
    total = 0.0
    for candidate, y, judged in itertools.product((False, True), (0, 1), (False, True)):
        p = p_a - delta if candidate else p_a
        chance = (pi if candidate else 1 - pi) * (p if y else 1 - p) * (rho if judged else 1 - rho)
        process = powered_drop_process(delta, rho)
        process.unpaired(History(), pi, candidate, powered_score(proxy[y], y if judged else None, rho))
        assert min(process.wealth) >= 0
        total += chance * process.e_value
    assert total == pytest.approx(1.0, abs=1e-9)


def test_a_good_proxy_saves_judge_calls():
    rng, delta, rho = random.Random(2), 0.02, 0.4
    calls = {"powered": [], "judge only": []}
    for _ in range(12):
        for kind, made in calls.items():
            powered = kind == "powered"
            process = powered_drop_process(delta, rho) if powered else DropProcess(delta)
            past, used = History(), 0
            while process.e_value < 100:
                candidate = rng.random() < 0.5
                y = float(rng.random() < (0.6 if candidate else 0.8))
                judged = not powered or rng.random() < rho
                used += judged
                proxy = y if rng.random() < 0.95 else 1 - y
                value = powered_score(proxy, y if judged else None, rho) if powered else y
                process.unpaired(past, 0.5, candidate, value)
                past.add(candidate, value)
            made.append(used)
    assert sum(calls["powered"]) < 0.8 * sum(calls["judge only"])


@pytest.mark.parametrize("rho", [0.0, 1.5])
def test_an_impossible_fraction_is_refused(rho):
    with pytest.raises(UsageError, match=str(rho)):
        score_range(rho)
