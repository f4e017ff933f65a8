import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.allocation import Need, allocate, next_fractions
from evaluator.evidence import RolloutEvidence
from tests.evaluator.scores import rollout, stream

needs = st.lists(
    st.builds(
        Need,
        st.floats(0.001, 0.2),
        st.floats(0.01, 0.1),
        st.floats(1e-6, 1e6),
        st.floats(0.01, 1.0),
    ),
    min_size=1,
    max_size=8,
)


@given(needs, st.floats(0.0, 0.5))
def test_fractions_are_possible_and_spend_the_budget(states, budget):
    fractions = allocate(states, budget)
    assert all(0.0 <= f <= 1.0 + 1e-9 for f in fractions)
    spent = sum(f * n.traffic for f, n in zip(fractions, states, strict=True))
    assert spent == pytest.approx(min(budget, sum(n.traffic for n in states)), abs=1e-9)


def test_alike_capabilities_get_pairs_alike_whatever_their_traffic():
    rare, frequent = Need(0.02, 0.5, 1.0, 0.2), Need(0.5, 0.5, 1.0, 0.2)
    small, large = allocate([rare, frequent], 0.03)
    assert small * 0.02 == pytest.approx(large * 0.5)


def test_a_capability_too_rare_for_its_part_gives_all_it_has():
    fractions = allocate([Need(0.005, 0.5, 1.0, 0.2), Need(0.5, 0.5, 1.0, 0.2)], 0.1)
    assert fractions == pytest.approx((1.0, 0.095 / 0.5))


def test_suspicion_draws_pairs():
    calm, suspect = Need(0.2, 0.5, 0.5, 0.2), Need(0.2, 0.5, 50.0, 0.2)
    low, high = allocate([calm, suspect], 0.05)
    assert high > 1.2 * low


def test_fractions_follow_from_the_past_alone():
    evidence = RolloutEvidence(rollout())
    for offset, one in enumerate(
        stream(100, seed=1, means=dict.fromkeys(("target", "facts", "json"), (1, 0.5)))
    ):
        evidence.settle(one, 0, offset)
    traffic = {"target": 0.6, "facts": 0.38, "json": 0.02}
    again = RolloutEvidence.from_snapshot(evidence.spec, evidence.to_snapshot())
    assert next_fractions(evidence, traffic, 0.1) == next_fractions(again, traffic, 0.1)
    assert set(next_fractions(evidence, traffic, 0.1)) == set(traffic)
