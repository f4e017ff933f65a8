"""How long an answer shall be: words, sentences, paragraphs, characters."""

from __future__ import annotations

import re
from typing import Final

from evaluator.verifiers.prompt_checks.constraint import Constraint, Finding, holds, necessary
from evaluator.verifiers.prompt_checks.counts import Bound, bounds_of
from evaluator.verifiers.text import sentences

_ONE_SENTENCE: Final = re.compile(
    r"\b(?:in|into|to|as|with|using|write|give(?: me)?) (?:only |just |exactly )?(?:one"
    r"|a single|1) sentence\b(?! (?:per|each|for each))"
    r"|\b(?:one|single)[- ]sentence (?:summary|answer|reply|response|description|version)\b",
    re.IGNORECASE,
)
_WORDS: Final = r"words?(?! (?:to|in|that|which|\"|'|with all))"
_SENTENCES: Final = r"(?:full |complete |short )?sentences?"
_PARAGRAPHS: Final = r"(?:short |separate )?(?:paragraphs?|stanzas?)"
_RULE: Final = re.compile(r"\n\s*(?:\*\s?\*\s?\*|-{3,})\s*(?:\n|\Z)")
_DIVIDED: Final = re.compile(r"\*\s?\*\s?\*(?!\*)")


def read_lengths(prompt: str) -> tuple[Constraint, ...]:
    """The bounds on the length of the whole answer; a bound on a part of it is not read.

    >>> [found.arguments for found in read_lengths("Answer in at most 20 words.")]
    [(('relation', 'at most'), ('count', 20))]
    """
    one = bool(_ONE_SENTENCE.search(prompt))
    found = [necessary("one_sentence", _one_sentence)] if one else []
    # A 500-word essay may have 480 words; two sentences are two.
    found += [_counted("words", bound) for bound in _bounds(prompt, _WORDS, "about")]
    found += [_counted("characters", bound) for bound in _bounds(prompt, r"characters?(?: long)?", "about")]
    if not one:
        found += [_counted("sentences", bound) for bound in _bounds(prompt, _SENTENCES, "exactly")]
    found += [_paragraphs(bound, prompt) for bound in _bounds(prompt, _PARAGRAPHS, "exactly")]
    return tuple(found)


def _bounds(prompt: str, noun: str, bare: str) -> list[Bound]:
    found = []
    for sentence in re.split(r"(?<=[.!?])\s+|\n", prompt):
        bounds = bounds_of(sentence, noun, bare=bare)
        part = re.search(
            rf"\b(?:each|every|per)\b[^.,]{{0,40}}\b(?:{noun})|\b(?:{noun}) (?:each|per|for each)\b",
            sentence,
            re.IGNORECASE,
        )
        found += [] if part else [one for one in bounds if one.count > 0]
    return found[:1]


def _counted(kind: str, bound: Bound) -> Constraint:
    def check(answer: str) -> Finding:
        have = (
            len(sentences(answer))
            if kind == "sentences"
            else _words(answer)
            if kind == "words"
            else len(answer)
        )
        return holds(bound.met_by(have), f"{have} {kind}, asked for {bound}")

    return necessary(kind, check, relation=bound.relation, count=bound.count)


def _words(text: str) -> int:
    return len(re.findall(r"\w+(?:['\u2019-]\w+)*", text))


def _one_sentence(answer: str) -> Finding:
    have = len(sentences(answer))
    return holds(have == 1, f"{have} sentences, asked for one")


def _paragraphs(bound: Bound, prompt: str) -> Constraint:
    divided = bool(_DIVIDED.search(prompt))

    def check(answer: str) -> Finding:
        parts = _RULE.split(f"\n{answer}\n") if divided else re.split(r"\n\s*\n", answer)
        have = sum(bool(part.strip()) for part in parts)
        return holds(bound.met_by(have), f"{have} paragraphs, asked for {bound}")

    return necessary("paragraphs", check, relation=bound.relation, count=bound.count)
