"""A detail in an answer: whether it stands there, undenied, alone and no part of another. Pure."""

from __future__ import annotations

import re
from typing import Final

from evaluator.verifiers.judgement import Judgement, passed
from evaluator.verifiers.numbers import Number, numbers_in, readable
from evaluator.verifiers.phrases import NEAR, Span, affirmed, denied, folded, spans
from evaluator.verifiers.text import bare

_GOES_ON: Final = re.compile(r"-\d|[.,]\d")
_OR_AFTER: Final = re.compile(r"[\"'*_]*,?\s+or\s+(?!more|less|so\b|later|earlier)\w")
_SLASH: Final = re.compile(r"\s*/\s*\d")
_OR_BEFORE: Final = re.compile(r"\w[\"'*_]*,?\s+or\s+[\"'*_]*$")


def judge_detail(answer: str, reference: str, prompt: str, most: int) -> Judgement:
    """Whether the answer gives the reference, with at most `most` other words; the prompt repeated is no answer."""
    given, wanted = bare(answer), bare(reference)
    if folded(given) == folded(bare(prompt)):
        return Judgement(0.0, "repeats the prompt")
    if not stands(given, wanted, whole=True):
        return Judgement(0.0, f"{reference!r} does not stand in the answer, undenied")
    if _one_of_several(folded(given), wanted):
        return Judgement(0.0, f"{reference!r} is one of several that are offered")
    others = len(given.split()) - len(wanted.split())
    return passed(others <= most, f"{reference!r} with {others} words around it, expected at most {most}")


def stands(answer: str, wanted: str, *, whole: bool = False) -> bool:
    """Whether it stands there as a phrase or, where it is a number, as the same number in another writing."""
    if affirmed(answer, wanted, whole=whole):
        return True
    value = _only_number(wanted)
    if value is None:
        return False
    text = readable(answer)
    return any(
        any(map(one.is_, value.values)) and not denied(text, Span(one.start, one.end))
        for one in numbers_in(answer)
        if not (whole and one.in_words) and not _GOES_ON.match(text, one.end)
    )


def _only_number(text: str) -> Number | None:
    """The number that the whole text is; None for anything else, and for digits that begin with a zero."""
    found = numbers_in(text)
    plain = readable(text).strip()
    if len(found) != 1 or plain[found[0].start : found[0].end] != plain or re.match(r"0\d", plain):
        return None
    return found[0]


def _one_of_several(text: str, wanted: str) -> bool:
    return any(
        _OR_AFTER.match(text, one.end)
        or (wanted.isdigit() and _SLASH.match(text, one.end))
        or _OR_BEFORE.search(text[max(0, one.start - NEAR) : one.start])
        for one in spans(text, wanted)
    )
