"""A judgement says what it rests on, and why there is none, in words that can be counted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args

import pytest

from evaluator.verifiers.judgement import Code, Failure, Judgement, failed, unscored


def test_a_judgement_without_a_value_always_has_a_code() -> None:
    assert Judgement(None, "nobody knows").code == "cannot_tell"
    assert failed(Failure("a judge", "silence", datetime(2026, 1, 1, tzinfo=UTC))).code == "failed"
    assert unscored("no reference", "no_reference").code == "no_reference"


def test_a_judgement_with_a_value_has_no_code_and_may_not_be_given_one() -> None:
    assert Judgement(1.0, "right").code is None
    with pytest.raises(ValueError, match="has no code"):
        Judgement(1.0, "right", code="form_only")


def test_the_codes_are_short_words_that_can_be_counted() -> None:
    assert all(code.replace("_", "").isalpha() and code.islower() for code in get_args(Code))
