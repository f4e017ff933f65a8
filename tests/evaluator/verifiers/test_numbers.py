"""Numbers are read alike whether the text is plain or not, and whether it has digits."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from evaluator.verifiers import numbers
from evaluator.verifiers.numbers import numbers_in, readable

PIECES = [
    "16",
    "1,200.50",
    "1.234",
    "-4",
    "50%",
    "twenty-three",
    "one",
    "2024-01-02",
    "12:30",
    "minus ",
    "or",
    ".",
]
TEXT = st.text() | st.lists(st.sampled_from([*PIECES, "\u22124", "\u00bd", "\u0663", " "])).map(" ".join)


@given(TEXT)
def test_a_plain_text_reads_as_its_compatibility_form(text: str) -> None:
    dash = numbers._DASH
    assert readable(text) == unicodedata.normalize("NFKC", text.translate(dash)).translate(dash).lower()


@given(TEXT)
def test_without_a_digit_there_is_no_number_in_digits_to_look_for(text: str) -> None:
    plain = readable(text)
    digits = list(numbers._in_digits(numbers._without_dates(plain)))
    assert [one for one in numbers_in(text) if not one.in_words] == digits
