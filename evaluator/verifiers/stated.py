"""Which number an answer gives as its result, among those of its working, its checks and its explanation. Pure.

A reader's rules, tried in order; the first that finds a number decides. They are about wording and can be fooled by an
answer that hides its result; then `which` decides, the last number or the first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final, Literal, NamedTuple

from evaluator.verifiers.numbers import Number, numbers_in, readable

_BOLD: Final = re.compile(r"(?<!\d)\*\*|\*\*(?!\d)")  # else they look like a power
_CORRECTION: Final = re.compile(
    r"\b(?:wait|no,? sorry|actually|correction|scratch that|let me correct|i made a mistake|no, that)\b"
)
_CHECK: Final = re.compile(
    r"(?:\b(?:to|we can|let's|let us) (?:double[- ])?(?:check|verify)\b"
    r"|\b(?:check|checking|proof|verification)\b[^.\n]{0,12}:)"
)
_MARKER: Final = re.compile(r"^[ \t>*_]*\(?(\d{1,2})[.)][*_]*[ \t]+(?=\S)", re.MULTILINE)
_STRONG: Final = re.compile(
    r"(?:\b(?:answer|result|total|solution|sum|difference|product|quotient|remainder)\b"
    r"[^.\n=\d]{0,40}?(?:\bis|\bare|\bequals|\bmakes|\bcomes to|:|=)|\bequals?|#{4}|\\boxed\{)"
    r"(?:\s+(?:exactly|about|approximately|therefore|thus))?[\s*_$\u20ac\u00a3:`(\\]*$"
)
_WEAK: Final = re.compile(
    r"\b(?:it is|it's|that is|that's|which is|this is|makes?|gives?|leaves|leaving|get|comes to)\b"
    r"(?:\s+(?:exactly|about))?[\s*_$\u20ac\u00a3:`]*$"
)
_EQUALS: Final = re.compile(r"=\s*[*_$\u20ac\u00a3`]*\s*$")
_OPERATOR: Final = re.compile(
    r"[\s)*_`]*(?:[-+*/\u00d7\u00f7^x]|\b(?:plus|minus|times|divided by|multiplied by)\b)[\s(*_`]*$"
)
_OPERATOR_AFTER: Final = re.compile(
    r"[*_`)]*\s*(?:[-+*/\u00d7\u00f7^]|x(?=\s*\d)|\b(?:plus|minus|times|divided by|multiplied by)\b)"
    r"\s*[(*_`$]*\s*(?=[-\w(])"
)
_NOT_BEFORE: Final = re.compile(
    r"(?:\bnot(?! only| just)(?: be| equal(?: to)?| exactly| the number)?"
    r"|\w+n't(?: be| equal)?|\bcannot be|\bnever"
    r"|\brather than|\binstead of|\banything but|\bother than|\bexcept|\bunlike|\bneither|\bnor)[\s*_$\"']*$"
)
_NOT_AFTER: Final = re.compile(
    r"[\"'*_)]*\s*(?:(?:is|was|would be)\s+(?:not (?:the|right|correct)|wrong|incorrect|false)|isn't\b)"
)
_LEADS: Final = re.compile(
    r"[*_$`%\"')}]*(?:\s*$|\s*[.,;:!\n]|\s*\(|\s*[-\u2013]+\s|\s+(?:because|since|as|is)\b)"
)
_ASKED_NOUN: Final = re.compile(r"\bhow many (?:more |other )?(\w{3,})")


_NEAR: Final = 200
"""Characters before a number that say what it is. Without a bound an answer of nothing but numbers takes minutes."""


_MOST: Final = 100  # numbers read at each end of an answer; one of more has no result between them


class Stated(NamedTuple):
    """The number given as the result, or None and why none is."""

    number: Number | None
    why: str


def stated(answer: str, prompt: str = "", which: Literal["last", "first"] = "last") -> Stated:
    """The result that `answer` gives to `prompt`.

    Rejected numbers ("not 16") and the list's own are no result; behind a correction only what follows it counts, and
    a check of the result is not read. Two numbers offered with "or" are none, nor is an expression left unworked.

    >>> [sorted(stated(text).number.values) for text in ("16, since 9 and 7 make 16 in 2 steps.", "9 + 7 = 16")]
    [[16.0], [16.0]]
    >>> stated("15 or 16")
    Stated(number=None, why='offers several numbers')
    """
    text, numbers = _without_checks(_BOLD.sub("``", readable(answer)))
    found = _candidates(text, numbers)
    found = found if len(found) <= 2 * _MOST else [*found[:_MOST], *found[-_MOST:]]
    if not found:
        return Stated(None, "no number in the answer")
    kept = [one for one in found if not _rejected(text, one)]
    if not kept:
        return Stated(None, "every number is rejected")
    if _offered(text, kept):
        return Stated(None, "offers several numbers")
    worked = [one for one in kept if not _in_expression(text, one)]
    for rule in (
        _said(_STRONG),
        _said(_EQUALS),
        _leading(which),
        _bold,
        _by_noun(readable(prompt)),
        _said(_WEAK),
    ):
        if (one := rule(text, worked)) is not None:
            return Stated(one, "stated")
    if not worked:
        return Stated(None, "an expression, no result")
    return Stated(worked[-1] if which == "last" else worked[0], f"the {which}")


_Rule = Callable[[str, Sequence[Number]], Number | None]


def _without_checks(text: str) -> tuple[str, list[Number]]:
    """The text behind its last correction and before its first check, and its numbers."""
    numbers = numbers_in(text)
    if not numbers:
        return text, numbers
    behind = [found.end() for found in _CORRECTION.finditer(text) if found.end() <= numbers[-1].start]
    if behind:
        text = text[behind[-1] :]
        numbers = numbers_in(text)
    checks = (
        found.start() for found in _CHECK.finditer(text) if numbers and found.start() > numbers[0].start
    )
    first = next(checks, None)
    return (text, numbers) if first is None else (text[:first], numbers_in(text[:first]))


def _candidates(text: str, numbers: Sequence[Number]) -> list[Number]:
    """The numbers that are not those of a list's entries."""
    markers = list(_MARKER.finditer(text))
    counted = [int(one[1]) for one in markers]
    places = (
        {one.start(1) for one in markers} if len(counted) > 1 and counted == sorted(set(counted)) else set()
    )
    return [one for one in numbers if one.start not in places]


def _rejected(text: str, one: Number) -> bool:
    return bool(_NOT_BEFORE.search(_before(text, one)) or _NOT_AFTER.match(text[one.end : one.end + _NEAR]))


def _offered(text: str, kept: Sequence[Number]) -> bool:
    """Whether two different numbers stand with nothing but "or" between them, and the last of all is one of them."""
    return any(
        re.fullmatch(r"[\s*_,]*\bor\b[\s*_]*", text[one.end : other.start]) and not one.values & other.values
        for one, other in pairwise(kept)
    )


def _in_expression(text: str, one: Number) -> bool:
    before, after = _before(text, one), text[one.end : one.end + _NEAR]
    return bool(_OPERATOR_AFTER.match(after) or (_OPERATOR.search(before) and not _EQUALS.search(before)))


def _before(text: str, one: Number) -> str:
    return text[max(0, one.start - _NEAR) : one.start]


def _said(words: re.Pattern[str]) -> _Rule:
    def rule(text: str, kept: Sequence[Number]) -> Number | None:
        return next((one for one in reversed(kept) if words.search(_before(text, one))), None)

    return rule


def _leading(which: str) -> _Rule:
    def rule(text: str, kept: Sequence[Number]) -> Number | None:
        first = kept[0] if kept else None
        if first is None or which != "last" or re.search(r"\w", text[: first.start]):
            return None
        return first if _LEADS.match(text[first.end : first.end + _NEAR]) else None

    return rule


def _bold(text: str, kept: Sequence[Number]) -> Number | None:
    return next(
        (
            one
            for one in reversed(kept)
            if text.endswith("``", 0, one.start) and text.startswith("``", one.end)
        ),
        None,
    )


def _by_noun(prompt: str) -> _Rule:
    """The last number of what "how many" asks for, where the last of all is of something else."""
    asked = _ASKED_NOUN.search(prompt)
    noun = re.compile(rf"\s+(?:\w+\s+)?{re.escape(asked[1].rstrip('s'))}") if asked else None

    def rule(text: str, kept: Sequence[Number]) -> Number | None:
        if (
            noun is None
            or not kept
            or not re.match(r"\s+[a-z]{3,}", text[kept[-1].end : kept[-1].end + _NEAR])
        ):
            return None
        return next((one for one in reversed(kept) if noun.match(text[one.end : one.end + _NEAR])), None)

    return rule
