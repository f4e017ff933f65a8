"""Agreement with base: whether two answers to the same prompt say the same. Pure; it never says which is right.

On adjacent capabilities base's behaviour is what must survive. Where answers have a kind (a number, a label, a JSON
value, a program), the same value is the same answer however it is worded, and another value is another answer. Else
only the same words are certain, and what lies between is left to the similarity of embeddings.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Mapping
from itertools import islice
from types import MappingProxyType
from typing import Any, Final

from evaluator.verifiers.labels import chosen
from evaluator.verifiers.programs import parsed
from evaluator.verifiers.text import bare, normalise, without_fence

_NUMBER: Final = re.compile(r"(?<![\w.])-?\d+(?:,\d{3})*(?:\.\d+)?")

_STARTS: Final = 10
"""Brackets at which a JSON value is looked for: an answer of nothing but brackets costs no more than a sane one."""

Comparison = Callable[[str, str, Mapping[str, Any]], "bool | None"]


def agree(verifier: str | None, options: Mapping[str, Any], answer: str, base: str) -> bool | None:
    """Whether `answer` says what `base` says; None where that cannot be told from their values.

    `verifier` is the capability's, which says what kind of answer it has.

    >>> agree("number", {}, "37 + 48 = 85.", "The sum is 85"), agree("number", {}, "It is 84.", "85")
    (True, False)
    >>> agree(None, {}, "Paris.", "paris"), agree(None, {}, "It is Paris.", "Paris")
    (True, None)
    """
    if bare(normalise(answer)) == bare(normalise(base)):
        return True
    if not answer.strip() or not base.strip():
        return False
    compare = _COMPARISONS.get(verifier or "")
    return compare(answer, base, options) if compare else None


def _numbers(answer: str, base: str, options: Mapping[str, Any]) -> bool | None:
    ours, theirs = (_NUMBER.findall(text) for text in (answer, base))
    if not theirs:
        return None
    at = 0 if options.get("which") == "first" else -1
    return bool(ours) and float(ours[at].replace(",", "")) == float(theirs[at].replace(",", ""))


def _labels(answer: str, base: str, options: Mapping[str, Any]) -> bool | None:
    labels = [str(one) for one in options.get("labels", ())]
    ours, theirs = (chosen(text, labels) for text in (answer, base))
    return ours == theirs if theirs else None


def _json(answer: str, base: str, options: Mapping[str, Any]) -> bool | None:  # noqa: ARG001 - one shape
    theirs = _first_value(base)
    return None if theirs is None else bool(_first_value(answer) == theirs)


def _first_value(text: str) -> Any:
    body = without_fence(text)
    decoder = json.JSONDecoder()
    for found in islice(re.finditer(r"[{\[]", body), _STARTS):
        try:
            return decoder.raw_decode(body[found.start() :])[0]
        except (ValueError, RecursionError):
            continue
    return None


def _programs(answer: str, base: str, options: Mapping[str, Any]) -> bool | None:  # noqa: ARG001 - one shape
    ours, theirs = _tree(answer), _tree(base)
    if theirs is None or ours is None:
        return None
    return True if ours == theirs else None


def _tree(text: str) -> str | None:
    tree = parsed(without_fence(text))
    try:
        return None if tree is None else ast.dump(tree)
    except RecursionError:  # a chain that is parsed may still be too deep to be written down
        return None


_COMPARISONS: Final[Mapping[str, Comparison]] = MappingProxyType(
    {"number": _numbers, "label": _labels, "json_keys": _json, "python_parses": _programs}
)
