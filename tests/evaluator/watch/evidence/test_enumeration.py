"""Brute force: every course of a short rollout with its probability, through the product's own fold."""

from __future__ import annotations

import itertools

import pytest

from evaluator.watch.evidence.fold import RolloutEvidence
from evaluator.watch.evidence.sequential import DropProcess, History, PromotionProcess
from telemetry.events import ShadowDraw, Stage
from tests.evaluator.support.scores import rollout, score

DELTA = 0.1
NAMES = ("target", "facts")
Course = list[tuple[str, str, float]]
"""One step: what it is (`unit`, `pair`, `lost`), of which capability, at which share."""


def outcomes(
    kind: str, share: float, control: float, candidate: float
) -> list[tuple[float, dict[str, object]]]:
    """What one interaction can come to, with probabilities: arm, its score, and the other arm's in a pair.

    A `lost` shadow was drawn, and gives no score exactly where it went to control (as if only control's were slow).
    """
    found = []
    for candidates, a, b in itertools.product((False, True), (0.0, 1.0), (0.0, 1.0)):
        chance = share if candidates else 1.0 - share
        chance *= control if a else 1.0 - control
        chance *= candidate if b else 1.0 - candidate
        mine, other = (b, a) if candidates else (a, b)
        drawn = kind != "unit"
        seen = other if kind == "pair" or (kind == "lost" and not candidates) else None
        made = {
            "arm": "candidate" if candidates else "control",
            "value": mine,
            "other": seen,
            "draw": ShadowDraw(capability=None, fraction=0.5, drawn=drawn) if drawn else None,
        }
        found.append((chance, made))
    return found


def expectation(course: Course, control: float, candidate: float) -> tuple[float, float]:
    """E[M] at the end of the course, and the largest M that any of its branches ends with."""
    spec = rollout(NAMES, threshold=DELTA)
    branches = [outcomes(kind, share, control, candidate) for kind, _, share in course]
    total = largest = 0.0
    for branch in itertools.product(*branches):
        evidence, chance = RolloutEvidence(spec), 1.0
        for number, ((_, name, share), (p, made)) in enumerate(zip(course, branch, strict=True)):
            chance *= p
            draw = made["draw"]
            one = score(
                number,
                capability=name,
                share=share,
                arm=made["arm"],
                value=made["value"],
                other=made["other"],
            )
            evidence.settle(one.model_copy(update={"draw": draw}), 0, number)
        total += chance * evidence.e_value
        largest = max(largest, evidence.e_value)
    return total, largest


COURSES: list[Course] = [
    [("unit", "facts", 0.5), ("unit", "facts", 0.5), ("unit", "target", 0.5)],
    [("unit", "facts", 0.05), ("pair", "facts", 0.05), ("unit", "target", 0.25)],
    [("pair", "target", 0.5), ("pair", "facts", 0.5), ("unit", "facts", 0.9)],
]


@pytest.mark.parametrize("course", COURSES)
def test_evidence_expects_one_where_every_capability_drops_by_its_threshold(course: Course) -> None:
    total, largest = expectation(course, 0.7, 0.7 - DELTA)
    assert total == pytest.approx(1.0, abs=1e-12)
    assert largest > 1.005, "some branch wins"


@pytest.mark.parametrize("course", COURSES)
@pytest.mark.parametrize("candidate", [0.62, 0.7, 0.9])
def test_evidence_expects_less_where_no_capability_drops_as_far(course: Course, candidate: float) -> None:
    total, _ = expectation(course, 0.7, candidate)
    assert total < 1.0


@pytest.mark.parametrize("course", COURSES)
def test_evidence_expects_more_where_they_drop_further(course: Course) -> None:
    total, _ = expectation(course, 0.7, 0.2)
    assert total > 1.0


def test_a_drawn_shadow_is_a_pair_or_nothing_because_as_a_unit_it_would_tilt_the_bets() -> None:
    control, candidate = 0.5, 0.5 - DELTA
    course: Course = [("lost", "facts", 0.5)] * 3
    assert expectation(course, control, candidate)[0] == pytest.approx(1.0, abs=1e-12)
    as_units = 0.0
    for branch in itertools.product(outcomes("lost", 0.5, control, candidate), repeat=3):
        evidence, chance = RolloutEvidence(rollout(NAMES, threshold=DELTA)), 1.0
        for number, (p, made) in enumerate(branch):
            chance *= p
            one = score(number, arm=made["arm"], value=made["value"], other=made["other"])
            evidence.settle(one, 0, number)
        as_units += chance * evidence.e_value
    assert as_units > 1.02


def test_a_subject_that_comes_back_after_the_share_grew_is_drawn_anew_at_the_right_odds() -> None:
    """Arms follow u: first met at share s0, again at s1. All courses of two subjects, both orders of stages."""
    s0, s1, control, candidate = 0.2, 0.5, 0.7, 0.7 - DELTA
    spec = rollout(NAMES, threshold=DELTA)
    spec = spec.model_copy(update={"stages": (Stage(share=s0), Stage(share=s1))})
    # u below s0, between both shares, or above: the arm at s0 and at s1, and the digest's leading digits
    places = [
        (s0, "candidate", "candidate", "1"),
        (s1 - s0, "control", "candidate", "5"),
        (1 - s1, "control", "control", "e"),
    ]
    total = 0.0
    for ada, bob in itertools.product(places, repeat=2):
        first, second = f"{ada[3]}{'a' * 31}", f"{bob[3]}{'b' * 31}"
        met = [(first, s0, ada[1]), (second, s0, bob[1]), (first, s1, ada[2]), (second, s1, bob[2])]
        for values in itertools.product((0.0, 1.0), repeat=4):
            evidence, chance = RolloutEvidence(spec), ada[0] * bob[0]
            for number, ((who, share, arm), value) in enumerate(zip(met, values, strict=True)):
                rate = candidate if arm == "candidate" else control
                chance *= rate if value else 1.0 - rate
                stage = int(share == s1)
                one = score(number, subject=who, share=share, stage=stage, arm=arm, value=value)
                evidence.settle(one, 0, number)
            total += chance * evidence.e_value
    assert total == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize(("pi", "alpha"), [(0.5, 0.8), (0.25, 0.85), (0.5, 0.9)])
def test_the_chance_of_ever_reaching_the_bar_is_at_most_alpha(pi: float, alpha: float) -> None:
    """All 4^7 courses of seven units at the boundary; the bar is low, since seven units cannot win much."""
    p_a, p_b = 0.6, 0.5
    reached = 0.0
    for course in itertools.product(itertools.product((False, True), (0.0, 1.0)), repeat=7):
        process, past, chance, hit = DropProcess(DELTA), History(), 1.0, False
        for candidate, y in course:
            rate = p_b if candidate else p_a
            chance *= (pi if candidate else 1 - pi) * (rate if y else 1 - rate)
            process.unpaired(past, pi, candidate, y)
            past.add(candidate, y)
            hit = hit or process.e_value >= 1.0 / alpha
        reached += chance * hit
    assert 0.0 < reached <= alpha


def test_promotion_expects_one_at_a_gap_of_the_margin_over_all_courses() -> None:
    margin, p_a, pi = 0.2, 0.7, 0.5
    total = 0.0
    for course in itertools.product(itertools.product((False, True), (0.0, 1.0)), repeat=5):
        process, past, chance = PromotionProcess(margin), History(), 1.0
        for candidate, y in course:
            rate = p_a - margin if candidate else p_a
            chance *= (pi if candidate else 1 - pi) * (rate if y else 1 - rate)
            process.unpaired(past, pi, candidate, y)
            past.add(candidate, y)
        total += chance * sum(process.wealth)
    assert total == pytest.approx(1.0, abs=1e-12)
