"""Who answers at a URL: the same model stays known under noise, another one does not pass for it."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from serving.engines.identity import LEAST_TOLERANCE, Identity, ProbeAnswer, alike_in, compare, gap_between

TOKENS = ("a", "b", "c", "d")


def answers(shift: float = 0.0, text: str = "yes", first: bool = True, n: int = 16) -> list[ProbeAnswer]:
    said = {token: math.log(0.4) - place + shift for place, token in enumerate(TOKENS)} if first else {}
    return [ProbeAnswer(text=f"{text} {number}", first=said) for number in range(n)]


def identity(noise: float = 0.0, alike: float = 1.0, first: bool = True) -> Identity:
    return Identity(version="1", engine="e", answers=tuple(answers(first=first)), noise=noise, alike=alike)


@given(st.floats(-0.2, 0.2))
def test_the_gap_is_the_shift_of_the_first_tokens(shift: float) -> None:
    assert math.isclose(gap_between(answers(), answers(shift)), abs(shift), abs_tol=1e-9)


def test_a_quiet_engine_is_held_to_the_least_tolerance() -> None:
    assert compare(identity(), answers(0.9 * LEAST_TOLERANCE)).same
    assert not compare(identity(), answers(1.1 * LEAST_TOLERANCE)).same


def test_a_noisy_engine_is_given_its_own_noise() -> None:
    assert compare(identity(noise=0.05), answers(0.15)).same
    assert not compare(identity(noise=0.05), answers(0.25)).same


def test_another_vocabulary_is_another_model() -> None:
    theirs = [ProbeAnswer(text=a.text, first={f"#{t}": v for t, v in a.first.items()}) for a in answers()]
    found = compare(identity(), theirs)
    assert not found.same
    assert found.alike == 1.0


def test_one_more_token_counts_by_how_likely_it_could_have_been() -> None:
    ours = [ProbeAnswer(text="", first={"a": -1.0, "b": -2.0})]
    theirs = [ProbeAnswer(text="", first={"a": -1.0, "c": -1.5})]
    assert gap_between(ours, theirs) == 0.5


def test_without_logprobs_greedy_answers_decide() -> None:
    known = identity(first=False)
    same = [*answers(first=False)[:13], *answers(text="no", first=False)[13:]]
    assert compare(known, same).same
    assert not compare(known, answers(text="no", first=False)).same


def test_an_engine_that_tells_no_logprobs_any_more_is_told() -> None:
    assert "any more" in compare(identity(), answers(first=False)).told


@given(st.lists(st.booleans(), min_size=1, max_size=16))
def test_alike_is_the_fraction_of_equal_texts(same: list[bool]) -> None:
    ours = answers(n=len(same))
    theirs = [a if s else a.model_copy(update={"text": "?"}) for a, s in zip(ours, same, strict=True)]
    assert math.isclose(alike_in(ours, theirs), sum(same) / len(same))
