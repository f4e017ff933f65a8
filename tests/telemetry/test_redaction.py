"""Redaction on the labelled set: what it finds, what it leaves, and that neither gets worse."""

import pytest

from telemetry.privacy import apply
from tests.telemetry.labelled import generated, measure, near_misses, written


def redact(text: str) -> str:
    return apply(text, "redacted")


def test_the_set_has_more_than_three_hundred_of_both_and_is_the_same_every_time() -> None:
    positives = list(generated.positives())
    assert len(positives) >= 300
    assert len({one.kind for one in positives}) >= 20
    assert len(list(near_misses.near_misses())) >= 300
    assert positives == list(generated.positives())


def test_of_secrets_as_issuers_make_them_one_in_a_hundred_may_stay() -> None:
    found = measure.recall(redact, generated.positives())
    assert found.found >= 0.99 * found.all, measure.by_kind(found.missed)


def test_of_texts_that_only_look_so_one_in_a_hundred_may_be_changed() -> None:
    texts = [text for _, text in near_misses.near_misses()]
    assert len(hit := measure.touched(redact, texts)) <= 0.01 * len(texts), hit


@pytest.mark.parametrize("half", [written.LOOKED_AT, written.HELD_OUT], ids=["looked at", "held out"])
def test_of_secrets_as_people_paste_them_one_in_ten_may_stay(half: list[generated.Labelled]) -> None:
    found = measure.recall(redact, half)
    assert found.found >= 0.9 * found.all


@pytest.mark.parametrize(
    "half", [written.NEAR_LOOKED_AT, written.NEAR_HELD_OUT], ids=["looked at", "held out"]
)
def test_of_what_people_write_without_a_secret_one_in_ten_may_be_changed(half: tuple[str, ...]) -> None:
    assert len(measure.touched(redact, half)) <= 0.1 * len(half)


@pytest.mark.parametrize("policy", ["full", "redacted"])
@pytest.mark.parametrize(
    "secret", ["hunter2hunter!", "0123456789abcdef0123456789abcdef", "oneTokenWithoutAnyDigits"]
)
@pytest.mark.parametrize(
    "place", ["AWS_SECRET_ACCESS_KEY={}", "password: {}", "Authorization: Bearer {}", '"api_key": "{}"']
)
def test_what_is_said_to_be_a_secret_leaves_under_no_policy(place: str, secret: str, policy: str) -> None:
    kept = apply(place.format(secret), "full" if policy == "full" else "redacted")
    assert secret[:6] not in kept
    assert "[secret]" in kept


def test_a_number_of_social_security_is_redacted_and_other_numbers_of_that_form_are_not() -> None:
    assert redact("mine is 219-09-9999.") == "mine is [ssn]."
    assert redact("ssn 219099999") == "ssn [ssn]"
    assert redact("000-12-3456, 666-12-3456, 912-12-3456, 123-00-4567, 123-45-0000, 1219-09-9999") == (
        "000-12-3456, 666-12-3456, 912-12-3456, 123-00-4567, 123-45-0000, 1219-09-9999"
    )
    assert apply("mine is 219-09-9999", "full") == "mine is 219-09-9999"
