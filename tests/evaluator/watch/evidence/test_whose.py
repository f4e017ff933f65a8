from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.watch.evidence.decide import decide
from evaluator.watch.evidence.fold import RolloutEvidence
from evaluator.watch.evidence.sequential import DropProcess, History
from evaluator.watch.evidence.whose import PARTS, DropTests
from telemetry.events import Apart
from tests.evaluator.support.scores import rollout, score

DELTA = 0.05
KINDS = st.lists(st.booleans(), min_size=1, max_size=60)


def step(
    tests: DropTests | DropProcess, past: History, kind: bool, a: float, b: float, candidate: bool
) -> None:
    """Settle a pair (`kind` True) or a unit of an even draw, and let `past` know."""
    if kind:
        tests.pair(past, a - b)
        past.add_pair(a, b)
    else:
        tests.unpaired(past, 0.5, candidate, b if candidate else a)
        past.add(candidate, b if candidate else a)


@pytest.mark.parametrize("kind", [False, True])
def test_with_one_kind_alone_there_is_one_test(kind):
    rng = np.random.default_rng(1)
    tests, process, past, again = DropTests(DELTA), DropProcess(DELTA), History(), History()
    for _ in range(200):
        a, b, candidate = float(rng.random()), float(rng.random()), bool(rng.random() < 0.5)
        step(tests, past, kind, a, b, candidate)
        step(process, again, kind, a, b, candidate)
    assert tests.e_value == process.e_value
    assert tests.of("traffic" if kind else "subjects") == process.e_value
    assert tests.of("subjects" if kind else "traffic") == 0.0


@pytest.mark.parametrize("kinds", [(0, 1, 0, 1), (1, 0, 0, 1), (1, 1, 0, 0), (0, 0, 1, 1)])
def test_evidence_expects_one_at_the_boundary_in_any_order_of_units_and_pairs(kinds):
    # Every outcome of four draws, weighed by its chance; control passes with .8, the candidate with .75.
    expected = 0.0
    outcomes = [(a, b, c) for a, b, c in product((0.0, 1.0), (0.0, 1.0), (False, True))]
    for path in product(outcomes, repeat=len(kinds)):
        chance, tests, past = 1.0, DropTests(DELTA), History()
        for kind, (a, b, candidate) in zip(kinds, path, strict=True):
            chance *= (0.8 if a else 0.2) * (0.75 if b else 0.25) * 0.5
            step(tests, past, bool(kind), a, b, candidate)
        expected += chance * tests.e_value
    assert expected == pytest.approx(1.0, abs=1e-9)


@given(KINDS, st.integers(0, 2**32 - 1))
def test_tests_come_back_from_their_numbers_and_go_on_alike(kinds, seed):
    rng = np.random.default_rng(seed)
    tests, past = DropTests(DELTA), History()
    for kind in kinds:
        step(tests, past, kind, float(rng.random()), float(rng.random()), bool(rng.random() < 0.5))
    again = DropTests(DELTA)
    again.restore(tests.to_list())
    assert again.to_list() == tests.to_list()
    assert again.e_value == tests.e_value == tests._e_value()
    for kind in (True, False):
        assert again.pair(past, 0.3) == tests.pair(past, 0.3)
        assert again.unpaired(past, 0.5, kind, 0.4) == tests.unpaired(past, 0.5, kind, 0.4)
    assert (again.e_value, again.of("traffic"), again.of("subjects")) == (
        tests.e_value,
        tests.of("traffic"),
        tests.of("subjects"),
    )


def test_numbers_of_half_a_share_out_are_refused():
    tests, past = DropTests(DELTA), History()
    step(tests, past, True, 1.0, 0.0, candidate=False)
    step(tests, past, False, 1.0, 0.0, candidate=False)
    with pytest.raises(ValueError, match="numbers of tests apart, expected"):
        DropTests(DELTA).restore(tests.to_list()[:-1])


def test_the_first_of_the_other_kind_shares_out_what_is_there():
    tests, past = DropTests(DELTA), History()
    for _ in range(30):
        step(tests, past, True, 1.0, 0.0, candidate=False)
    before = tests.e_value
    step(tests, past, False, 0.9, 0.9, candidate=True)
    factor_of_both = tests.both.e_value / before
    assert tests.of("traffic") == PARTS["traffic"] * before
    # Fresh processes hold half back, which the factor of the first unit does not touch, and pay a little of it in.
    assert tests.of("subjects") == pytest.approx(
        PARTS["subjects"] * before, rel=abs(1 - factor_of_both) + 0.05
    )


def heavy_drop(seed: int) -> tuple[float, float, DropTests]:
    """The highest evidence of one bet and of three where 2% of the subjects send 55% of 8,000 requests and they alone
    lose 20 points; a tenth of the requests are pairs, 15% of them different anyway."""
    rng = np.random.default_rng(seed)
    of_subject = np.ones(5_000)
    of_subject[:100] = 60.0
    arm = rng.random(5_000) < 0.5
    met: set[int] = set()
    one, three, past, best = DropProcess(0.02), DropTests(0.02), History(), [1.0, 1.0]
    for subject in rng.choice(5_000, 8_000, p=of_subject / of_subject.sum()):
        drop = 0.2 if subject < 100 else 0.0
        good = rng.random() < 0.8
        worse, better = max((0.15 + drop) / 2, drop), max((0.15 + drop) / 2, drop) - drop
        flip = worse / 0.8 if good else better / 0.2
        a, b = float(good), float(good ^ (rng.random() < flip))
        kind = bool(rng.random() < 0.1)
        if not kind and int(subject) in met:
            continue
        met.add(int(subject))
        candidate = bool(arm[subject])
        if kind:
            one.pair(past, a - b)
            three.pair(past, a - b)
            past.add_pair(a, b)
        else:
            y = b if candidate else a
            one.unpaired(past, 0.5, candidate, y)
            three.unpaired(past, 0.5, candidate, y)
            past.add(candidate, y)
        best = [max(best[0], one.e_value), max(best[1], three.e_value)]
    return best[0], best[1], three


def test_a_drop_that_only_those_feel_who_send_most_is_found_by_traffic():
    runs = [heavy_drop(seed) for seed in range(8)]
    assert sum(three >= 1_000 for _, three, _ in runs) >= 7
    assert sum(one >= 1_000 for one, _, _ in runs) <= 6
    assert all(tests.of("traffic") > 100 * tests.of("subjects") for _, _, tests in runs)


@pytest.mark.parametrize(
    ("subjects", "traffic", "who"),
    [(49, 49, None), (51, 30, "subjects"), (30, 51, "traffic"), (50, 50, None)],
)
def test_a_drop_is_theirs_who_made_more_than_half_of_its_evidence(subjects, traffic, who):
    assert Apart(subjects=subjects, traffic=traffic).mostly(100.0) == who


def test_a_rollback_says_whose_drop_it_is():
    evidence = RolloutEvidence(rollout(("target", "facts")))
    rng = np.random.default_rng(3)
    for n in range(6_000):  # a tenth are pairs, of which a sixth lose; units never do
        candidate, good, paired = bool(rng.random() < 0.5), float(rng.random() < 0.8), n % 10 == 0
        lost = float(good and not rng.random() < 1 / 6) if paired else good
        evidence.settle(
            score(
                n,
                capability="facts",
                arm="candidate" if candidate else "control",
                value=lost if candidate else good,
                other=(good if candidate else lost) if paired else None,
            ),
            0,
            n,
        )
        found = decide(evidence)
        if found is not None and found.action == "roll_back":
            break
    assert found is not None
    assert "facts [felt in what is asked, by pairs, rather than by subjects]" in found.reason
    apart = next(one for one in found.proof.evidence if one.capability == "facts").apart
    assert apart is not None
    assert apart.traffic > 20 * apart.subjects
