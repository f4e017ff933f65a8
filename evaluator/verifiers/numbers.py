"""Numbers as people write them: digits of several countries, words, per cent, fractions; and where they stand. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_UNITS: Final = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
]
_TEENS: Final = ["sixteen", "seventeen", "eighteen", "nineteen"]
_TENS: Final = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
SMALL: Final = {word: value for value, word in enumerate(_UNITS + _TEENS)} | {
    word: 10 * value for value, word in enumerate(_TENS, start=2)
}
"""Words of one number below a hundred."""
_SCALES: Final = {"thousand": 10**3, "million": 10**6, "billion": 10**9}

_DASH: Final = str.maketrans(
    {"\u2212": "-", "\u2013": "-", "\u2014": "-", "\u2011": "-", "\u2044": "/", "\u2019": "'"}
)
_NO_NUMBER: Final = re.compile(  # dates and times of day
    r"(?<!\d)(?:\d{1,4}[-/.]\d{1,2}[-/.]\d{4}|\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}:\d{2}(?::\d{2})?)(?![\d])"
)
_DIGITS: Final = re.compile(
    r"""(?:(?<![\w.])|(?<=(?<!\w)eur)|(?<=(?<!\w)usd)|(?<=(?<!\w)gbp)|(?<=(?<!\w)chf)|(?<=(?<!\w)_))
    (?P<sign>[-+](?:[$\u20ac\u00a3])?)?
    (?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d) | \d{1,3}(?:\.\d{3}){2,}(?:,\d+)?(?!\d)
      | \d{1,3}(?:[ ']\d{3})+(?:[.,]\d+)?(?!\d) | \d+(?:[.,]\d+)?)
    (?:\s*/\s*(?P<below>\d+)(?![\d/]))?
    (?P<scale>\s+(?:thousand|million|billion)\b)?
    (?P<percent>\s*(?:%|percent\b|per\s+cent\b))?""",
    re.VERBOSE,
)
_DIGIT: Final = re.compile(r"\d")
_PLAIN: Final = re.compile(r"\d+")
_COMMAS: Final = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_DOTS: Final = re.compile(r"\d{1,3}(?:\.\d{3}){2,}(?:,\d+)?")
_GAPS: Final = re.compile(r"\d{1,3}(?:[ ']\d{3})+(?:[.,]\d+)?")
_ONE_DOT: Final = re.compile(r"[1-9]\d{0,2}\.\d{3}")
_NEAR: Final = 16  # characters before a number that may hold its sign
_ONES: Final = "|".join(sorted(SMALL, key=len, reverse=True))
_UPTO_99: Final = rf"(?:(?:{'|'.join(_TENS)})(?:[ -](?:{'|'.join(_UNITS[1:10])}))?|{_ONES})"
_UPTO_999: Final = rf"(?:(?:{_UPTO_99}|a)\s+hundred(?:\s+(?:and\s+)?{_UPTO_99})?|{_UPTO_99})"
_WORDS: Final = re.compile(
    rf"(?<![\w-])(?P<minus>(?:minus|negative)\s+)?(?P<words>{_UPTO_999}"
    rf"(?:\s+(?:thousand|million|billion)(?:,?\s+(?:and\s+)?{_UPTO_999})?)*(?:\s+point(?:\s+(?:{_ONES}))+)?)"
    r"(?P<percent>\s*(?:%|percent\b|per\s+cent\b))?(?![\w-])"
)


@dataclass(frozen=True, slots=True)
class Number:
    """A number that stands in a text from `start` to `end`, and what it may mean.

    `values` has several where the writing is ambiguous: 1.234 is one thousand or one, 50% is fifty or a half.
    """

    values: frozenset[float]
    start: int
    end: int
    in_words: bool = False

    def is_(self, value: float) -> bool:
        """Whether it may mean `value`."""
        return any(abs(one - value) <= 1e-9 * max(1.0, abs(value)) for one in self.values)


def readable(text: str) -> str:
    """The text in which `numbers_in` finds its places: compatibility form, lower case, plain minus signs."""
    if text.isascii():  # as most answers are, and of ASCII nothing has another form
        return text.lower()
    return unicodedata.normalize("NFKC", text.translate(_DASH)).translate(_DASH).lower()


def numbers_in(text: str) -> list[Number]:
    """The numbers of `text` in their order; places are those in `readable(text)`.

    Digits inside a word or an identifier, dates and times of day are none. The word "one" is one only where no other
    number stands in the text: else it is mostly a pronoun.

    >>> [sorted(n.values) for n in numbers_in("sixteen, \u22124 or 1,200.50")]
    [[16.0], [-4.0], [1200.5]]
    """
    plain = readable(text)
    # Both patterns ask for a digit, and would look for one from every place of a text that has none.
    some = _DIGIT.search(plain) is not None
    masked = _without_dates(plain) if some else plain
    digits = list(_in_digits(masked)) if some else []
    words = list(_in_words(masked))
    others = digits + [one for one in words if plain[one.start : one.end] != "one"]
    return sorted(others or words, key=lambda one: one.start)


def _without_dates(text: str) -> str:
    """The text with dates and times of day made unreadable; places stay."""
    return _NO_NUMBER.sub(lambda found: "x" * len(found[0]), text)


def _in_digits(text: str) -> Iterator[Number]:
    for found in _DIGITS.finditer(text):
        sign = -1.0 if (found["sign"] or "").startswith("-") else 1.0
        before = text[max(0, found.start() - _NEAR) : found.start()].rstrip()
        if before.endswith(("minus", "negative")) or (
            before.endswith("-") and before[:-1].rstrip()[-1:] in ("", "=")
        ):
            sign = -1.0
        values = set(_values(found["digits"]))
        if found["below"] and float(found["below"]):
            values = {value / float(found["below"]) for value in values}
        if found["scale"]:
            values = {value * _SCALES[found["scale"].strip()] for value in values}
        if found["percent"]:
            values |= {value / 100 for value in values}
        yield Number(frozenset(sign * value for value in values), *found.span())


def _values(digits: str) -> Iterator[float]:
    """What a run of digits and separators may mean."""
    if _PLAIN.fullmatch(digits):
        yield float(digits)
    elif _COMMAS.fullmatch(digits):
        yield float(digits.replace(",", ""))
    elif _DOTS.fullmatch(digits):
        yield float(digits.replace(".", "").replace(",", "."))
    elif _GAPS.fullmatch(digits):
        yield float(re.sub(r"[ ']", "", digits).replace(",", "."))
    else:
        yield float(digits.replace(",", "."))
        if _ONE_DOT.fullmatch(digits):
            yield float(digits.replace(".", ""))


def _in_words(text: str) -> Iterator[Number]:
    for found in _WORDS.finditer(text):
        value = _value_of_words(found["words"]) * (-1 if found["minus"] else 1)
        values = {value, value / 100} if found["percent"] else {value}
        yield Number(frozenset(values), *found.span(), in_words=True)


def _value_of_words(words: str) -> float:
    whole, _, decimals = words.partition(" point")
    total, group = 0.0, 0.0
    for word in re.findall(r"[a-z]+", whole):
        if word == "hundred":
            group = max(group, 1.0) * 100
        elif word in _SCALES:
            total, group = total + max(group, 1.0) * _SCALES[word], 0.0
        elif word == "a":
            group = 1.0
        else:
            group += SMALL.get(word, 0)  # "and" adds nothing
    tail = "".join(str(SMALL[word]) for word in decimals.split())
    return total + group + (float(f"0.{tail}") if tail else 0.0)
