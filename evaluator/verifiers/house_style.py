"""Verifier of support replies: the policy fact that the customer needs, in the house style."""

# ruff: noqa: ARG001 - every verifier takes the same four arguments, whichever it reads
from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any, Final

from evaluator.verifiers.judgement import EMPTY, Judgement, unscored
from evaluator.verifiers.numbers import numbers_in, readable
from evaluator.verifiers.phrases import affirmed, folded

OPENING: Final = 0.1
CLOSING: Final = 0.1
"""What opening and closing are worth of a reply's score."""
LONGEST: Final = 60
"""Words of a reply, where the brief says nothing."""
_FRAME: Final = re.compile(r"^[^\w]+|[^\w.!?]+$")
_HOUR: Final = re.compile(r"(?<=\d)\s*([ap])\.?\s?m\b\.?")


def support_reply(answer: str, reference: Any, prompt: str, options: Mapping[str, Any]) -> Judgement:
    """Partial credit: .6 for the policy facts, .2 for the desk named, .1 each for opening and closing.

    The reference is `{"facts": [...], "desk": "..."}`: phrases that must stand in the reply and not be denied
    ("never within 14 days"); the facts share their .6 evenly. A number may be in words. Options `opening` and
    `closing`: what every reply begins and ends with, emphasis, quotes and a final emoji aside. Option `max_words`
    (default 60): a longer reply loses the points of the closing.
    """
    if not isinstance(reference, Mapping) or not reference.get("facts") or not reference.get("desk"):
        return unscored("no reference: support_reply needs facts and a desk", "no_reference")
    opening, closing = options.get("opening"), options.get("closing")
    if not opening or not closing:
        return unscored("support_reply needs the options 'opening' and 'closing'", "bad_options")
    if not answer.strip():
        return EMPTY
    text = _in_digits(answer)
    facts = [affirmed(text, _fact_in_digits(fact)) for fact in reference["facts"]]
    style = style_of(answer, opening, closing, options.get("max_words", LONGEST))
    parts = {
        "facts": 0.6 * sum(facts) / len(facts),
        "desk": 0.2 * affirmed(text, reference["desk"]),
        "opening": OPENING * style[0],
        "closing": CLOSING * style[1],
    }
    found = ", ".join(f"{name} {value:.2f}" for name, value in parts.items())
    return Judgement(min(1.0, round(sum(parts.values()), 6)), found)


def style_of(answer: str, opening: str, closing: str, max_words: int) -> tuple[bool, bool]:
    """Whether the reply begins as it should, and whether it ends so and is not longer than `max_words`."""
    text = _FRAME.sub("", folded(answer))
    ended = text.rstrip(" .!").endswith(folded(closing).rstrip(" .!"))
    return text.startswith(folded(opening)), ended and len(text.split()) <= max_words


def _in_digits(text: str) -> str:
    """The text with numbers in words as digits and hours as "6 pm", so that both writings are one."""
    plain, found = readable(text), numbers_in(text)
    for one in reversed(found):
        if one.in_words and len(one.values) == 1:
            plain = f"{plain[: one.start]}{next(iter(one.values)):g}{plain[one.end :]}"
    return _HOUR.sub(r" \1m", plain)


# The same few facts of a brief are looked for in every reply.
_fact_in_digits: Final = functools.lru_cache(maxsize=1024)(_in_digits)
