"""Who answers: the model itself passes under noise, base and others do not, and what nobody can tell is said."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from serving.engines.attestation import attestation_of
from serving.engines.identity import LEAST_TOLERANCE, Identity, ProbeAnswer

PROBES = 16


def said(place: float, *, first: bool = True, text: str = "yes") -> list[ProbeAnswer]:
    """Answers of a model that lies at `place`, in nats: two models are as far apart as their places."""
    top = {"a": -0.5 + place, "b": -1.5 - place} if first else {}
    return [ProbeAnswer(text=f"{text} {number}", first=top) for number in range(PROBES)]


def known(place: float, noise: float = 0.0, *, first: bool = True, text: str = "yes") -> Identity:
    answers = tuple(said(place, first=first, text=text))
    return Identity(version="1", engine="e", answers=answers, noise=noise, alike=1.0)


@given(st.floats(0.05, 3.0), st.floats(-1.0, 1.0))
def test_a_model_passes_wherever_it_is_within_its_tolerance_and_base_is_not(apart: float, off: float) -> None:
    found = attestation_of(known(0.0), said(0.99 * off * LEAST_TOLERANCE), known(apart))
    assert found.state == "attested"


@given(st.floats(0.05, 3.0))
def test_base_never_passes_for_its_candidate_and_is_named(apart: float) -> None:
    found = attestation_of(known(0.0), said(apart), known(apart))
    assert found.state == "refused"
    assert found.told.startswith("base answers in its place")


@given(st.floats(0.1, 3.0), st.floats(-3.0, -0.1))
def test_a_third_model_never_passes_and_is_not_taken_for_base(base: float, third: float) -> None:
    for place in (third, base + 0.1):
        found = attestation_of(known(0.0), said(place), known(base))
        assert found.state == "refused"
        assert found.told.startswith("another model answers")


def test_a_refusal_says_what_came_and_what_was_expected() -> None:
    told = attestation_of(known(0.0), said(0.3), known(0.3)).told
    assert "0.3 nats" in told
    assert f"tolerance {LEAST_TOLERANCE:g}" in told


def test_a_gap_as_small_as_another_precision_makes_is_told_to_be_perhaps_that() -> None:
    assert "another precision" in attestation_of(known(0.0), said(0.1), known(1.0)).told
    assert "another precision" not in attestation_of(known(0.0), said(0.3), known(1.0)).told


def test_base_is_asked_about_without_another_base() -> None:
    assert attestation_of(known(0.0), said(0.0)).state == "attested"
    assert attestation_of(known(0.0), said(0.5)).state == "refused"


def test_a_candidate_that_the_probes_cannot_tell_from_base_is_not_attested() -> None:
    """An adapter that changes next to nothing: who passes as it may be base."""
    found = attestation_of(known(0.0), said(0.0), known(0.5 * LEAST_TOLERANCE))
    assert found.state == "unknown"
    assert "base would pass for it" in found.told


def test_an_engine_as_noisy_as_a_candidate_is_far_from_base_attests_nothing() -> None:
    assert attestation_of(known(0.0, noise=0.1), said(0.0), known(0.3)).state == "unknown"


def test_without_a_reference_only_base_itself_is_refused() -> None:
    assert attestation_of(None, said(0.0), known(0.0)).state == "refused"
    assert attestation_of(None, said(0.1), known(0.0)).state == "unknown"
    assert attestation_of(None, said(0.0)).state == "unknown"


def test_without_log_probabilities_nobody_is_attested_and_other_answers_are_refused() -> None:
    """Greedy answers alone are alike for adapters that change much else."""
    base = known(0.0, first=False, text="base says")
    same = attestation_of(known(0.0, first=False), said(0.0, first=False), base)
    assert same.state == "unknown"
    assert "greedy answers" in same.told
    assert attestation_of(
        known(0.0, first=False), said(0.0, first=False, text="base says"), base
    ).told.startswith("base answers in its place")
    assert attestation_of(known(0.0, first=False), said(0.0, first=False, text="no"), base).state == "refused"
    assert attestation_of(None, said(0.0, first=False), base).state == "unknown"


def test_an_engine_that_tells_no_log_probabilities_any_more_is_unknown() -> None:
    found = attestation_of(known(0.0), said(0.0, first=False), known(0.3))
    assert found.state == "unknown"
    assert "any more" in found.told
