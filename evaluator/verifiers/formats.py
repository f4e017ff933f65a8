"""Verifiers of form: a JSON object, a list of n entries, one sentence."""

# ruff: noqa: ARG001 - every verifier takes the same four arguments, whichever it reads
from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from evaluator.verifiers.judgement import EMPTY, Judgement, passed, unscored
from evaluator.verifiers.text import normalise, sentences, without_fence, words

_ENTRY = {
    "numbered": re.compile(r"\s*\d+\s*[.)]\s*\S"),
    "bulleted": re.compile(r"\s*[-*\u2022]\s+\S"),
}
# Words that every text shares, so that sharing them shows nothing.
_COMMON_WORDS = """
a an and are as at be been but by for from had has have he her his in into is it its of on or she so that the their
them then there they this to was were which while who will with after before
"""
_COMMON = frozenset(_COMMON_WORDS.split())


def json_keys(answer: str, reference: Any, prompt: str, options: Mapping[str, Any]) -> Judgement:
    """1 where the answer holds one JSON object with exactly the reference's keys and values.

    The reference is an object; a value of None asks for the key alone. Numbers compare as numbers also
    when written as strings, strings without case. Half credit where the keys are right and a value is not.
    """
    if not isinstance(reference, Mapping) or not reference:
        return unscored("no reference: json_keys needs an object", "no_reference")
    if not answer.strip():
        return EMPTY
    given = _first_object(without_fence(answer))
    if given is None:
        return Judgement(0.0, "no JSON object in the answer")
    if set(given) != set(reference):
        return Judgement(0.0, f"keys {sorted(given)}, expected {sorted(reference)}")
    wrong = [k for k, v in reference.items() if v is not None and _plain(given[k]) != _plain(v)]
    return Judgement(0.5, f"wrong value of {', '.join(wrong)}") if wrong else Judgement(1.0, "as asked")


def _first_object(text: str) -> dict[str, Any] | None:
    start = text.find("{")
    if start < 0:
        return None
    try:
        value, _ = json.JSONDecoder().raw_decode(text[start:])
    except (ValueError, RecursionError):  # also numbers of thousands of digits, thousands of brackets
        return None
    return value if isinstance(value, dict) else None


def _plain(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    try:
        return float(value)
    except (ValueError, OverflowError):
        return normalise(str(value))


def list_of(answer: str, reference: Any, prompt: str, options: Mapping[str, Any]) -> Judgement:
    """1 where the answer is a list of exactly n entries, each on its own line, none twice.

    The reference is `{"n": 4, "style": "numbered" | "bulleted"}`. One line of introduction that ends in a
    colon is allowed; any other line beside the entries makes it 0.
    """
    if not isinstance(reference, Mapping) or reference.get("style") not in _ENTRY or "n" not in reference:
        return unscored(
            f"no reference: list_of needs n and a style of {sorted(_ENTRY)}, found {reference!r}",
            "no_reference",
        )
    if not answer.strip():
        return EMPTY
    lines = [line for line in without_fence(answer).splitlines() if line.strip()]
    entry = _ENTRY[reference["style"]]
    if lines and not entry.match(lines[0]) and lines[0].rstrip().endswith(":"):
        lines = lines[1:]
    entries = [line for line in lines if entry.match(line)]
    if len(entries) != len(lines):
        return Judgement(0.0, f"{len(lines) - len(entries)} lines are no {reference['style']} entries")
    distinct = {" ".join(words(re.sub(r"^\s*(\d+\s*[.)]|[-*\u2022])", "", one))) for one in entries}
    if len(distinct) != len(entries):
        return Judgement(0.0, "an entry stands there twice")
    return passed(len(entries) == reference["n"], f"{len(entries)} entries, expected {reference['n']}")


def one_sentence(answer: str, reference: Any, prompt: str, options: Mapping[str, Any]) -> Judgement:
    """1 where the answer is one sentence about the source text.

    The reference is the source text; without one the source is the prompt. Options: `max_words` (default
    40), `min_words` (default 4), `min_overlap` (default .5): the fraction of the answer's words, common words
    aside, that the source has too.
    """
    source = reference if isinstance(reference, str) and reference.strip() else prompt
    if not source.strip():
        return unscored("no source text: neither a reference nor a prompt", "no_reference")
    if not answer.strip():
        return EMPTY
    count = len(sentences(answer))
    if count != 1:
        return Judgement(0.0, f"{count} sentences, expected one")
    told = words(answer)
    least, most = int(options.get("min_words", 4)), int(options.get("max_words", 40))
    if not least <= len(told) <= most:
        return Judgement(0.0, f"{len(told)} words, expected {least} to {most}")
    content = [word for word in told if word not in _COMMON]
    known = set(words(source))
    overlap = sum(word in known for word in content) / max(len(content), 1)
    bar = float(options.get("min_overlap", 0.5))
    return passed(overlap >= bar, f"{overlap:.2f} of its words are the source's, expected {bar:.2f}")
