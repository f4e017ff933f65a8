"""A verifier has the options that its code reads, and no others."""

from __future__ import annotations

import inspect
import re

import pytest

from evaluator.verifiers import VERIFIERS
from evaluator.verifiers.options import OPTIONS, check_options

GOOD = {
    "label": {"labels": ["yes", "no"]},
    "support_reply": {"opening": "Dear", "closing": "Yours"},
}


def test_every_verifier_says_what_options_it_has() -> None:
    assert set(OPTIONS) == set(VERIFIERS)


@pytest.mark.parametrize("name", sorted(VERIFIERS))
def test_the_options_are_those_that_the_code_reads(name: str) -> None:
    read = set(re.findall(r'options\.get\("(\w+)"', inspect.getsource(VERIFIERS[name])))
    assert read == set(OPTIONS[name].model_fields)


@pytest.mark.parametrize("name", sorted(VERIFIERS))
def test_good_options_pass_and_unknown_ones_do_not(name: str) -> None:
    good = GOOD.get(name, {})
    assert check_options(name, good) == []
    assert "has no option 'nonsense'" in check_options(name, good | {"nonsense": 1})[0]


def test_what_is_wrong_is_told_with_what_was_found() -> None:
    assert check_options("label", {}) == ["verifier 'label' needs the option 'labels'"]
    assert check_options("number", {"which": "middle"}) == [
        "option 'which' of verifier 'number': Input should be 'last' or 'first', found 'middle'"
    ]
    assert len(check_options("one_sentence", {"max_words": -1, "min_overlap": 2, "overlap": 1})) == 3
