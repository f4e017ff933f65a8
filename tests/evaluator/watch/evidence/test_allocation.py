import random
from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.watch.evidence.allocation import (
    EVENLY,
    GUESS,
    SOUGHT,
    Need,
    allocate,
    fractions,
    next_allotment,
    traffic_of,
)
from evaluator.watch.evidence.decide import HOLD_EVERY, decide
from evaluator.watch.evidence.fold import RolloutEvidence
from telemetry.events import ShadowDraw
from tests.evaluator.support.scores import restored, rollout, score

NAMES = ("target", "facts", "json")
TRAFFIC = {"target": 0.6, "facts": 0.38, "json": 0.02}

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


def tagged(count, seed=1, lose=(), tags=True):
    """Scores of a rollout that shadows 10%, with draws as a router makes them that has (`tags`) a word table."""
    rng = random.Random(seed)
    for number in range(count):
        name = rng.choices(NAMES, list(TRAFFIC.values()))[0]
        arm = rng.choice(("control", "candidate"))
        good = 0.3 if name in lose and arm == "candidate" else 0.9
        draw = ShadowDraw(capability=name if tags else None, fraction=0.1, drawn=rng.random() < 0.1)
        made = score(number, arm=arm, capability=name, value=float(rng.random() < good))
        yield made.model_copy(update={"draw": draw})


def folded(scores, shadow=0.1):
    evidence = RolloutEvidence(rollout(NAMES).model_copy(update={"shadow": shadow}))
    for offset, one in enumerate(scores):
        evidence.settle(one, 0, offset)
    return evidence


@given(needs, st.floats(0.0, 0.5))
def test_fractions_are_possible_and_spend_the_budget(states, budget):
    found = allocate(states, budget)
    assert all(0.0 <= f <= 1.0 + 1e-9 for f in found)
    spent = sum(f * n.traffic for f, n in zip(found, states, strict=True))
    assert spent == pytest.approx(min(budget, sum(n.traffic for n in states)), abs=1e-9)


@given(needs, st.floats(0.0, 0.5))
def test_with_the_even_part_the_budget_is_kept_whatever_the_other_traffic_is(states, budget):
    total = sum(n.traffic for n in states)
    states = [Need(n.traffic / max(total, 1.0), n.weight, n.e_value, n.second_moment) for n in states]
    aimed, otherwise = fractions(states, budget)
    tagged_part = sum(n.traffic for n in states)
    spent = sum(f * n.traffic for f, n in zip(aimed, states, strict=True)) + otherwise * (1 - tagged_part)
    assert spent <= budget + 1e-3  # rounded to 4 digits
    assert min(aimed) >= EVENLY * budget - 1e-4


def test_alike_capabilities_get_pairs_by_the_fourth_root_of_their_traffic():
    rare, frequent = Need(0.02, 0.5, 1.0, 0.2), Need(0.5, 0.5, 1.0, 0.2)
    small, large = allocate([rare, frequent], 0.03)
    assert small * 0.02 / (large * 0.5) == pytest.approx((0.02 / 0.5) ** 0.25)


@given(needs)
def test_nothing_else_with_the_same_budget_finds_the_dropped_one_sooner(states):
    """Against random other ways to spend it, where no capability is short of traffic: the sum that is minimised."""
    states = [Need(0.1, n.weight, n.e_value, n.second_moment) for n in states]
    budget = 0.001 * len(states)
    evidence = [n.weight * n.e_value for n in states]
    found = allocate(states, budget)

    def cost(rates):
        total = 0.0
        for n, mine, rate in zip(states, evidence, rates, strict=True):
            p = GUESS / len(states) + (1 - GUESS) * mine / sum(evidence)
            need = log(1 / (0.01 * n.weight)) * (n.second_moment + SOUGHT**2)
            total += p * need / rate
        return total

    rng = random.Random(len(states))
    for _ in range(20):
        other = [f * rng.uniform(0.5, 2.0) for f in found]
        other = [f * sum(found) / sum(other) for f in other]
        assert cost(found) <= cost(other) * (1 + 1e-9)


def test_a_capability_too_rare_for_its_part_gives_all_it_has():
    found = allocate([Need(0.005, 0.5, 1.0, 0.2), Need(0.5, 0.5, 1.0, 0.2)], 0.1)
    assert found == pytest.approx((1.0, 0.095 / 0.5))


def test_suspicion_draws_pairs():
    calm, suspect = Need(0.2, 0.5, 0.5, 0.2), Need(0.2, 0.5, 50.0, 0.2)
    low, high = allocate([calm, suspect], 0.05)
    assert high > 1.2 * low


def test_an_allotment_follows_from_the_past_alone():
    evidence = folded(tagged(100))
    again, _ = restored(evidence)
    found = next_allotment(evidence)
    assert found is not None
    assert found == next_allotment(again)
    assert set(found.by_capability) == set(NAMES)


def test_the_rare_capability_gets_a_larger_part_of_its_prompts():
    found = next_allotment(folded(tagged(600)))
    assert found is not None
    assert found.by_capability["json"] > 3 * found.by_capability["target"]
    assert found.otherwise == pytest.approx(EVENLY * 0.1)


def test_a_capability_that_looks_worse_draws_the_pairs():
    calm, suspect = next_allotment(folded(tagged(300))), next_allotment(folded(tagged(300, lose=("facts",))))
    assert suspect.by_capability["facts"] > 1.2 * calm.by_capability["facts"]
    assert suspect.by_capability["target"] < calm.by_capability["target"]


def test_a_capability_that_nobody_can_judge_any_more_draws_no_pairs_of_its_own():
    evidence = folded(tagged(300, lose=("facts",)))
    before = next_allotment(evidence)
    evidence.folds["facts"].drifted = True
    found = next_allotment(evidence)
    assert set(found.by_capability) == set(NAMES) - {"facts"}
    assert all(found.by_capability[name] > before.by_capability[name] for name in found.by_capability)
    assert found.otherwise == before.otherwise


@pytest.mark.parametrize(("scores", "shadow"), [(tagged(50, tags=False), 0.1), (tagged(50), 0.0)])
def test_without_tags_or_without_shadows_nothing_is_allotted(scores, shadow):
    assert next_allotment(folded(scores, shadow)) is None


def test_traffic_is_what_routers_took_prompts_for_and_nothing_is_absent():
    tags = {"facts": 97, "": 10}
    assert traffic_of("facts", tags, 2) == pytest.approx(98 / 110)
    assert traffic_of("json", tags, 2) == pytest.approx(1 / 110)


def test_a_tag_that_the_rollout_does_not_know_counts_as_none():
    odd = ShadowDraw(capability="poetry", fraction=0.1, drawn=False)
    evidence = folded([score(1).model_copy(update={"draw": odd})])
    assert evidence.tags == {"": 1}


def test_every_hold_carries_the_allotment_and_no_other_decision_does():
    evidence = RolloutEvidence(rollout(NAMES).model_copy(update={"shadow": 0.1}))
    made = []
    for offset, one in enumerate(_good_then_bad(2 * HOLD_EVERY)):
        evidence.settle(one, 0, offset)
        made.append((decide(evidence), next_allotment(evidence)))
    holds = [(d, a) for d, a in made if d is not None and d.action == "hold"]
    others = [d for d, _ in made if d is not None and d.action != "hold"]
    assert holds
    assert others
    assert all(d.allotment == a and a is not None for d, a in holds)
    assert all(d.allotment is None for d in others)


def _good_then_bad(count):
    yield from tagged(count)
    for one in tagged(count, seed=2, lose=("facts",)):
        number = f"late-{one.event_id}"
        who = one.assignment.model_copy(update={"subject": number})
        yield one.model_copy(update={"event_id": number, "assignment": who})
