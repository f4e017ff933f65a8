"""Which of several labels an answer chooses, among those that it names, rejects and explains. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from evaluator.verifiers.phrases import NEAR, Span, denied, folded, spans

_LEAD: Final = re.compile(
    r"^[\s\"'*_`#\[(>-]*(?:(?:final )?(?:answer|label|sentiment|category"
    r"|class)\s*(?:is|:|=)\s*)?[\s\"'*_`\[(]*"
)
_TAIL: Final = re.compile(r"[\s\"'*_`\])]*(?:$|[.,;:!\n]|\s--?\s|\s*\()")
_CHOSEN: Final = re.compile(
    r"\b(?:answer|label|sentiment|category|class|choose|choice|would say|i'd say|is about|it is|it's|is)"
    r"\s*:?[\s\"'*_`(]*$"
)
_BETWEEN: Final = re.compile(r"\bbetween\s+(?:\w+,?\s+)*$")
_TAKEN_BACK: Final = re.compile(r"[^.\n]{0,20},")
_DETERMINER: Final = re.compile(r"\s+[^\W\d_]")


def chosen(answer: str, labels: Sequence[str]) -> list[str]:
    """The labels that `answer` chooses: one where it has chosen, several where it has not, none where it names none.

    A label that is denied ("not negative", "positive is the wrong word") is not chosen. Where several are left, the one
    that stands alone at the beginning or in a sentence of its own is, then the one that is said to be it ("I would say
    positive"). "No" before a noun is no label ("no doubt").

    >>> chosen("Positive, not negative.", ["positive", "negative"]), chosen("not positive", ["positive", "negative"])
    (['positive'], [])
    >>> chosen("Yes and no.", ["yes", "no"])
    ['yes', 'no']
    """
    text = folded(answer)
    named = {label: _affirmed(text, label) for label in labels}
    left = {label: found for label, found in named.items() if found}
    if len(left) < 2:
        return list(left)
    for rule in (_alone, _said):
        some = [label for label, found in left.items() if any(rule(text, span) for span in found)]
        if len(some) == 1 and not _joined(text, left):
            return some
    return list(left)


def _affirmed(text: str, label: str) -> list[Span]:
    """Where the label stands without being denied."""
    found = [span for span in spans(text, label) if not denied(text, span)]
    if folded(label) == "no":
        return [span for span in found if not _DETERMINER.match(text[span.end :])]
    return found


def _joined(text: str, left: dict[str, list[Span]]) -> bool:
    """Whether two of the labels stand with only "and", "or" or a slash between them, or alone one after the other."""
    places = sorted((span, label) for label, found in left.items() for span in found)
    for (one, first), (other, second) in pairwise(places):
        between = text[one.end : other.start]
        if first != second and re.fullmatch(
            r"[\s\"'*_`]*(?:,?\s*\b(?:and|or|nor)\b|/|\||,|\.)?[\s\"'*_`]*", between
        ):
            return not _TAKEN_BACK.match(text[other.end :]) if _BETWEEN.search(text[: one.start]) else True
    return False


def _alone(text: str, span: Span) -> bool:
    sentence = re.split(r"[.!?\n;]\s*", _before(text, span))[-1]
    return not _LEAD.sub("", sentence) and bool(_TAIL.match(text[span.end :]))


def _said(text: str, span: Span) -> bool:
    return bool(_CHOSEN.search(_before(text, span)))


def _before(text: str, span: Span) -> str:
    return text[max(0, span.start - NEAR) : span.start]
