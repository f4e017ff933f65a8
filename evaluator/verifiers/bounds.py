"""Between which scores an answer lies whatever its reference: what a verifier sees without one. Pure.

A label that is not chosen, a number that is not given, an opening that is missing cost what they cost whatever is
right. So whoever has to guess at the rest need not guess at that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from evaluator.verifiers.house_style import CLOSING, LONGEST, OPENING, style_of
from evaluator.verifiers.labels import chosen
from evaluator.verifiers.stated import stated


class Bounds(NamedTuple):
    """The lowest and the highest score that any reference may give."""

    low: float
    high: float


NOTHING: Final = Bounds(0.0, 0.0)
ANYTHING: Final = Bounds(0.0, 1.0)


def bounds(verifier: str | None, options: Mapping[str, Any], prompt: str, answer: str) -> Bounds:
    """The bounds of an answer's score by the verifier of this name; [0, 1] where it sees nothing without a reference.

    >>> bounds("label", {"labels": ["positive", "negative"]}, "Which is it?", "A mix of both.")
    Bounds(low=0.0, high=0.0)
    >>> bounds("label", {"labels": ["positive", "negative"]}, "Which is it?", "It is negative.")
    Bounds(low=0.0, high=1.0)
    """
    if not answer.strip():
        return NOTHING
    of = _OF.get(verifier or "")
    return ANYTHING if of is None else of(options, prompt, answer)


def _label(options: Mapping[str, Any], prompt: str, answer: str) -> Bounds:  # noqa: ARG001 - one shape
    labels = options.get("labels")
    if not isinstance(labels, list | tuple):
        return ANYTHING
    return ANYTHING if len(chosen(answer, [str(one) for one in labels])) == 1 else NOTHING


def _contains_answer(options: Mapping[str, Any], prompt: str, answer: str) -> Bounds:  # noqa: ARG001 - one shape
    limit = options.get("max_words")
    return NOTHING if limit is not None and len(answer.split()) > int(limit) else ANYTHING


def _number(options: Mapping[str, Any], prompt: str, answer: str) -> Bounds:
    which = options.get("which", "last")
    if which not in ("last", "first"):
        return ANYTHING
    return NOTHING if stated(answer, prompt, which).number is None else ANYTHING


def _support_reply(options: Mapping[str, Any], prompt: str, answer: str) -> Bounds:  # noqa: ARG001 - one shape
    opening, closing = options.get("opening"), options.get("closing")
    if not opening or not closing:
        return ANYTHING
    began, ended = style_of(answer, opening, closing, options.get("max_words", LONGEST))
    sure = OPENING * began + CLOSING * ended
    return Bounds(round(sure, 6), round(1.0 - OPENING - CLOSING + sure, 6))


_OF: Final[Mapping[str, Callable[[Mapping[str, Any], str, str], Bounds]]] = MappingProxyType(
    {
        "contains_answer": _contains_answer,
        "label": _label,
        "number": _number,
        "support_reply": _support_reply,
    }
)
