"""A JSON object in an answer, and when two JSON values say the same. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from evaluator.verifiers.judgement import Judgement
from evaluator.verifiers.text import normalise

_CANONICAL: Final = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?")
_STARTS: Final = 50  # braces that are tried; a text of more is no answer
_PLACEHOLDER: Final = re.compile(r"<[^>]*>|\.\.\.|\u2026|string|number|integer|value|text", re.IGNORECASE)


class TwiceTheSameKey(ValueError):
    """An object that has a key twice says two things."""


def objects_in(text: str) -> list[dict[str, Any]]:
    """The JSON objects that stand in `text`, each outside the ones before it; braces that hold no JSON are passed over.

    Strict: no NaN and no Infinity, which JSON has not, and no key twice.

    >>> objects_in('I fill {name}: {"name": "Anna"}')
    [{'name': 'Anna'}]
    """
    return list(_objects(text))


def _objects(text: str) -> Iterator[dict[str, Any]]:
    decoder = json.JSONDecoder(object_pairs_hook=_once_each, parse_constant=_no_constant)
    start = text.find("{")
    for _ in range(_STARTS):
        if start < 0:
            return
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):  # also numbers of thousands of digits, thousands of brackets
            start = text.find("{", _past(text, start))
            continue
        yield value
        start = text.find("{", end)


def _past(text: str, start: int) -> int:
    """Where to look on after what was no object: nowhere where it began as one, since it was meant to be it."""
    if re.match(r'\{\s*"', text[start : start + 40]):
        return len(text)
    return start + 1


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise TwiceTheSameKey(f"keys {[key for key, _ in pairs]}")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def is_template(found: Mapping[str, Any]) -> bool:
    """Whether every value is a placeholder, such as "..." or "string"."""
    values = list(found.values())
    return bool(values) and all(isinstance(v, str) and _PLACEHOLDER.fullmatch(v.strip()) for v in values)


def same_value(given: Any, wanted: Any) -> bool:
    """Whether two JSON values are equal, strings without case and white space, in lists and objects too.

    A number equals the string that writes it as JSON would, and no other: 34 is "34" and not "034", "+34" or "3_4".
    True and false equal no number.

    >>> same_value("34", 34), same_value("007", 7), same_value(True, 1), same_value("ANNA", "Anna")
    (True, False, False, True)
    """
    if isinstance(given, bool) or isinstance(wanted, bool):
        return given is wanted
    if isinstance(given, Mapping) and isinstance(wanted, Mapping):
        return set(given) == set(wanted) and all(same_value(given[key], wanted[key]) for key in wanted)
    if isinstance(given, list) and isinstance(wanted, list):
        return len(given) == len(wanted) and all(map(same_value, given, wanted))
    one, other = _number(given), _number(wanted)
    if one is not None and other is not None and not (isinstance(given, str) and isinstance(wanted, str)):
        return one == other
    if isinstance(given, str) and isinstance(wanted, str):
        return normalise(given) == normalise(wanted)
    return bool(given == wanted)


def _number(value: Any) -> float | None:
    if isinstance(value, int | float) or (isinstance(value, str) and _CANONICAL.fullmatch(value.strip())):
        try:
            return float(value)
        except OverflowError:
            return None
    return None


def compare_object(answer: str, wanted: Mapping[str, Any]) -> Judgement:
    """The judgement of `json_keys` on an answer that is not empty."""
    found = [one for one in objects_in(answer) if not is_template(one)] or objects_in(answer)
    if not found:
        return Judgement(0.0, "no JSON object in the answer")
    if any(not same_value(one, found[0]) for one in found[1:]):
        return Judgement(0.0, f"{len(found)} different objects")
    given = found[0]
    if set(given) != set(wanted):
        return Judgement(0.0, f"keys {sorted(given)}, expected {sorted(wanted)}")
    wrong = [key for key, value in wanted.items() if value is not None and not same_value(given[key], value)]
    return Judgement(0.5, f"wrong value of {', '.join(wrong)}") if wrong else Judgement(1.0, "as asked")
