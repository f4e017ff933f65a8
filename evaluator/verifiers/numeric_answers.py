"""Verifier of an answer that is a number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evaluator.verifiers.judgement import EMPTY, Judgement, passed, unscored
from evaluator.verifiers.prompt_checks import from_prompt
from evaluator.verifiers.stated import stated


def number(answer: str, reference: Any, prompt: str, options: Mapping[str, Any]) -> Judgement:
    """1 where the number that the answer gives as its result equals the reference.

    Which one that is `stated.stated` reads from the wording; where the wording does not say, option `which` does:
    `last` (default) or `first`. Separators of several countries, words, per cent, fractions and U+2212 are read; digits
    inside a word or an identifier, dates and times are no numbers.
    """
    if isinstance(reference, bool) or not isinstance(reference, int | float):
        return from_prompt("number", answer, prompt)
    which = options.get("which", "last")
    if which not in ("last", "first"):
        return unscored(f"option 'which' must be 'last' or 'first', found {which!r}", "bad_options")
    if not answer.strip():
        return EMPTY
    found = stated(answer, prompt, which)
    if found.number is None:
        return Judgement(0.0, found.why)
    given = " or ".join(f"{value:g}" for value in sorted(found.number.values))
    return passed(
        found.number.is_(reference), f"the number given ({found.why}) is {given}, expected {reference:g}"
    )
