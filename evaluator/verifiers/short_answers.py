"""Verifiers of answers that are right or wrong: a fact, a label, an extracted string, a number."""

# ruff: noqa: ARG001 - every verifier takes the same four arguments, whichever it reads
from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from evaluator.verifiers.judgement import EMPTY, Judgement, passed, unscored
from evaluator.verifiers.text import bare, contains_phrase

_NUMBER = re.compile(r"(?<![\w.])-?\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)|(?<![\w.])-?\d+(?:\.\d+)?")


def contains_answer(answer: str, reference: Any, prompt: str, options: Mapping[str, Any]) -> Judgement:
    """1 where any reference (a string or a list of them) stands in the answer between word boundaries.

    Option `max_words` (default none): an answer of more words is 0, since listing everything is no answer.
    """
    wanted = [reference] if isinstance(reference, str) else reference
    if not isinstance(wanted, list | tuple) or not all(isinstance(one, str) for one in wanted) or not wanted:
        return unscored("no reference: contains_answer needs a string or a list of strings", "no_reference")
    if not answer.strip():
        return EMPTY
    limit = options.get("max_words")
    if limit is not None and len(answer.split()) > int(limit):
        return Judgement(0.0, f"longer than {limit} words")
    found = next((one for one in wanted if contains_phrase(answer, one)), None)
    return passed(found is not None, f"contains {found!r}" if found else f"contains none of {wanted}")


def label(answer: str, reference: Any, prompt: str, options: Mapping[str, Any]) -> Judgement:
    """1 where exactly one of option `labels` stands in the answer and it is the reference.

    An answer with two labels, or with none, has not chosen and is 0.
    """
    labels = options.get("labels")
    if not isinstance(labels, list | tuple) or reference not in labels:
        return unscored(f"no reference: label needs one of {labels}, found {reference!r}", "no_reference")
    if not answer.strip():
        return EMPTY
    chosen = [one for one in labels if contains_phrase(answer, str(one))]
    if len(chosen) != 1:
        return Judgement(0.0, f"names {len(chosen)} of the labels {list(labels)}, expected exactly one")
    return passed(chosen[0] == reference, f"says {chosen[0]!r}, expected {reference!r}")


def extraction(answer: str, reference: Any, prompt: str, options: Mapping[str, Any]) -> Judgement:
    """1 where the reference stands in the answer, letter for letter, case and white space aside.

    Option `max_other_words` (default 0): how many words may stand around it ("The order number is 48213.").
    Quotes, a final full stop and a code fence never matter. A longer answer has repeated the text rather than
    extracted from it, and is 0.
    """
    if not isinstance(reference, str) or not reference.strip():
        return unscored("no reference: extraction needs a string", "no_reference")
    if not answer.strip():
        return EMPTY
    given = bare(answer)
    if not contains_phrase(given, bare(reference)):
        return Judgement(0.0, f"{reference!r} does not stand in the answer")
    others = len(given.split()) - len(bare(reference).split())
    most = int(options.get("max_other_words", 0))
    return passed(others <= most, f"{reference!r} with {others} words around it, expected at most {most}")


def number(answer: str, reference: Any, prompt: str, options: Mapping[str, Any]) -> Judgement:
    """1 where the last number of the answer (option `which`: `last` or `first`) equals the reference.

    Thousands separators are read, digits inside a word or an identifier are not numbers.
    """
    if isinstance(reference, bool) or not isinstance(reference, int | float):
        return unscored(f"no reference: number needs a number, found {reference!r}", "no_reference")
    which = options.get("which", "last")
    if which not in ("last", "first"):
        return unscored(f"option 'which' must be 'last' or 'first', found {which!r}", "bad_options")
    if not answer.strip():
        return EMPTY
    found = [float(one.replace(",", "")) for one in _NUMBER.findall(answer)]
    if not found:
        return Judgement(0.0, "no number in the answer")
    given = found[-1] if which == "last" else found[0]
    return passed(abs(given - reference) < 1e-9, f"the {which} number is {given:g}, expected {reference:g}")
