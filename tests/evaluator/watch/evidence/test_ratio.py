import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.watch.evidence.ratio import ALPHA, MOST_GROUPS, ODDS, RatioCheck, RatioProcess


def _check(units, odds=1.0, seed=1, pi=0.25, bad_router=None):
    rng, check = random.Random(seed), RatioCheck()
    for n in range(units):
        router = f"router-{n % 3}"
        r = odds if bad_router in {None, router} else 1.0
        chance = pi * r / (1 - pi + pi * r)
        check.add(pi, rng.random() < chance, ("session", "api_key")[n % 2], router)
    return check


@given(pi=st.floats(0.001, 0.999))
def test_a_factor_expects_exactly_one_when_the_share_is_followed(pi):
    met, not_met = RatioProcess(), RatioProcess()
    met.add(pi, candidate=True)
    not_met.add(pi, candidate=False)
    for j in range(len(ODDS)):
        expected = pi * met.wealth[j] + (1 - pi) * not_met.wealth[j]
        assert expected == pytest.approx(1 / len(ODDS))


def test_a_right_assignment_is_left_alone_at_every_look():
    assert sum(_check(2000, seed=s).suspicious for s in range(60)) <= 60 * 0.05
    assert not any(_check(500, seed=s).broken for s in range(100))
    assert ALPHA == 0.001


@pytest.mark.parametrize("odds", [0.5, 2.0])
def test_odds_off_by_two_are_proven(odds):
    assert _check(1500, odds).broken


def test_the_faulty_router_is_named():
    check = _check(6000, 0.0, bad_router="router-1")
    assert check.broken
    assert "router router-1" in check.explain()
    assert "router-2" not in check.explain()


def test_what_was_proven_stays_proven():
    check = _check(1500, 2.0)
    rng = random.Random(9)
    for _ in range(5000):
        check.add(0.25, rng.random() < 0.2, "session", None)
    assert check.broken


def test_groups_are_bounded():
    check = RatioCheck()
    for n in range(500):
        check.add(0.5, n % 2 == 0, "session", f"r{n}")
    assert len(check.imbalances()) <= MOST_GROUPS + 1
    assert sum(i.units for i in check.imbalances()) == 3 * 500


def test_it_comes_back_from_its_snapshot():
    check = _check(200, 1.5)
    again = RatioCheck.from_dict(json.loads(json.dumps(check.to_dict())))
    check.add(0.25, True, "user", "router-9")
    again.add(0.25, True, "user", "router-9")
    assert again.to_dict() == check.to_dict()
