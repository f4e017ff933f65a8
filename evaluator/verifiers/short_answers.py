"""Verifiers of answers that are right or wrong: a fact, a label, an extracted string."""

# ruff: noqa: ARG001 - every verifier takes the same four arguments, whichever it reads
from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from evaluator.verifiers.judgement import EMPTY, Judgement, passed, unscored
from evaluator.verifiers.labels import chosen
from evaluator.verifiers.numbers import Number, numbers_in, readable
from evaluator.verifiers.phrases import NEAR, Span, affirmed, denied, folded, spans
from evaluator.verifiers.text import bare

_OFFERED: Final = re.compile(r"\beither\b[^.\n]*\bor\b")
_GOES_ON: Final = re.compile(r"-\d|[.,]\d")
_OR_AFTER: Final = re.compile(r"[\"'*_]*,?\s+or\s+(?!more|less|so\b|later|earlier)\w")
_OR_BEFORE: Final = re.compile(r"\w[\"'*_]*,?\s+or\s+[\"'*_]*$")


def contains_answer(answer: str, reference: Any, prompt: str, options: Mapping[str, Any]) -> Judgement:
    """1 where any reference (a string or a list of them) stands in the answer between word boundaries, not denied.

    Accents on Latin letters, hyphens and the way a number is written do not matter; scripts without spaces have no
    boundaries. "Either Paris or Lyon" is no answer, "not Paris" the wrong one. Option `max_words` (default none): an
    answer of more words is 0, since listing everything is no answer.
    """
    wanted = [reference] if isinstance(reference, str) else reference
    if not isinstance(wanted, list | tuple) or not all(isinstance(one, str) for one in wanted) or not wanted:
        return unscored("no reference: contains_answer needs a string or a list of strings", "no_reference")
    if not answer.strip():
        return EMPTY
    limit = options.get("max_words")
    if limit is not None and len(answer.split()) > int(limit):
        return Judgement(0.0, f"longer than {limit} words")
    if len(wanted) == 1 and _OFFERED.search(folded(answer)):
        return Judgement(0.0, "offers several answers")
    found = next((one for one in wanted if _stands(answer, one)), None)
    return passed(
        found is not None, f"contains {found!r}" if found else f"contains none of {wanted}, undenied"
    )


def label(answer: str, reference: Any, prompt: str, options: Mapping[str, Any]) -> Judgement:
    """1 where the answer chooses exactly one of option `labels` and it is the reference (see `labels.chosen`).

    An answer with two labels, or with none, has not chosen and is 0.
    """
    labels = options.get("labels")
    if not isinstance(labels, list | tuple) or reference not in labels:
        return unscored(f"no reference: label needs one of {labels}, found {reference!r}", "no_reference")
    if not answer.strip():
        return EMPTY
    found = chosen(answer, [str(one) for one in labels])
    if len(found) != 1:
        return Judgement(0.0, f"chooses {len(found)} of the labels {list(labels)}, expected exactly one")
    return passed(found[0] == str(reference), f"says {found[0]!r}, expected {reference!r}")


def extraction(answer: str, reference: Any, prompt: str, options: Mapping[str, Any]) -> Judgement:
    """1 where the reference stands in the answer, letter for letter, case, accents and white space aside.

    Option `max_other_words` (default 0): how many words may stand around it ("The order number is 48213.").
    Quotes, a final full stop and a code fence never matter, nor how a number is written. It may not be denied, offered
    with another ("Thursday or Friday"), or be part of another name or number. A longer answer has repeated the text
    rather than extracted from it, and is 0.
    """
    if not isinstance(reference, str) or not reference.strip():
        return unscored("no reference: extraction needs a string", "no_reference")
    if not answer.strip():
        return EMPTY
    given, wanted = bare(answer), bare(reference)
    if folded(given) == folded(bare(prompt)):
        return Judgement(0.0, "repeats the prompt")
    if not _stands(given, wanted, whole=True):
        return Judgement(0.0, f"{reference!r} does not stand in the answer, undenied")
    if _one_of_several(folded(given), wanted):
        return Judgement(0.0, f"{reference!r} is one of several that are offered")
    others = len(given.split()) - len(wanted.split())
    most = int(options.get("max_other_words", 0))
    return passed(others <= most, f"{reference!r} with {others} words around it, expected at most {most}")


def _stands(answer: str, wanted: str, *, whole: bool = False) -> bool:
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
        if not (whole and one.in_words) and not _GOES_ON.match(text[one.end :])
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
        _OR_AFTER.match(text[one.end :]) or _OR_BEFORE.search(text[max(0, one.start - NEAR) : one.start])
        for one in spans(text, wanted)
    )
