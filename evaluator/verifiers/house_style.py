"""Verifier of support replies: the policy fact that the customer needs, in the house style."""

# ruff: noqa: ARG001 - every verifier takes the same four arguments, whichever it reads
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evaluator.verifiers.judgement import EMPTY, Judgement, unscored
from evaluator.verifiers.text import contains_phrase, normalise


def support_reply(answer: str, reference: Any, prompt: str, options: Mapping[str, Any]) -> Judgement:
    """Partial credit: .6 for the policy facts, .2 for the desk named, .1 each for opening and closing.

    The reference is `{"facts": [...], "desk": "..."}`: phrases that must stand in the reply; the facts share
    their .6 evenly. Options `opening` and `closing`: what every reply begins and ends with. Option `max_words`
    (default 60): a longer reply loses the points of the closing.
    """
    if not isinstance(reference, Mapping) or not reference.get("facts") or not reference.get("desk"):
        return unscored("no reference: support_reply needs facts and a desk", "no_reference")
    opening, closing = options.get("opening"), options.get("closing")
    if not opening or not closing:
        return unscored("support_reply needs the options 'opening' and 'closing'", "bad_options")
    if not answer.strip():
        return EMPTY
    text = normalise(answer)
    facts = [contains_phrase(text, fact) for fact in reference["facts"]]
    parts = {
        "facts": 0.6 * sum(facts) / len(facts),
        "desk": 0.2 * contains_phrase(text, reference["desk"]),
        "opening": 0.1 * text.startswith(normalise(opening)),
        "closing": 0.1 * (_ends_with(text, closing) and len(text.split()) <= options.get("max_words", 60)),
    }
    found = ", ".join(f"{name} {value:.2f}" for name, value in parts.items())
    return Judgement(min(1.0, round(sum(parts.values()), 6)), found)


def _ends_with(text: str, closing: str) -> bool:
    return text.rstrip(" .!").endswith(normalise(closing).rstrip(" .!"))
