"""What is wrong with a brief, in words: the place, what stands there, what was expected, the near key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from evaluator.briefs.schema import UNFILLED, Brief, Outline, contradictions
from evaluator.briefs.yaml_text import Place, YamlText
from telemetry.errors import BriefError
from telemetry.mistakes import in_words

HINT_INDENT: Final = "      "
"""What stands before a hint under its problem, where there are several."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `hint` says what to do about it where that is not plain."""

    text: str
    hint: str = ""


def refusal(path: Path, problems: Sequence[Problem]) -> BriefError:
    """The error that tells them all."""
    if len(problems) == 1:
        return BriefError(f"{path}:\n  {problems[0].text}", hint=problems[0].hint)
    lines = [f"  {p.text}" + (f"\n{HINT_INDENT}{p.hint}" if p.hint else "") for p in problems]
    return BriefError(f"{path} has {len(problems)} problems:\n" + "\n".join(lines))


def schema_problems(error: ValidationError, source: YamlText) -> list[Problem]:
    """Everything that the schema found, and what of the whole does not fit together in spite of it.

    A brief whose single keys are wrong is still asked whether its shares add up, where that can be told, so
    that nobody repairs one thing to be told of the next.
    """
    details: list[dict[str, Any]] = [dict(detail) for detail in error.errors()]
    # A list whose only entry is wrong is not also to be told that it is empty.
    inner = {detail["loc"][:-1] for detail in details}
    details = [d for d in details if d["type"] != "too_short" or d["loc"] not in inner]
    found = [line for detail in details for line in _explain(detail, source)]
    whole = any(detail["loc"] == () for detail in details)
    outlines = [] if whole else _outlines(source.data)
    if outlines:
        found += [f"(the brief): {one}" for one in contradictions(outlines)]
    return [Problem(line) for line in found]


def place_name(place: Place, data: Any) -> str:
    """The place as people say it: a capability by its name, an entry of a list by its number.

    >>> place_name(("capabilities", 0, "judge", "url"), {"capabilities": [{"name": "facts"}]})
    "capability 'facts'.judge.url"
    """
    if not place:
        return "(the brief)"
    if len(place) > 1 and place[0] == "capabilities" and isinstance(place[1], int):
        return _joined(capability_name(data, place[1]), place[2:])
    return _joined("", place)


def capability_name(data: Any, index: int) -> str:
    """`capability 'facts'`, or its number where it has no name."""
    try:
        name = data["capabilities"][index]["name"]
    except (LookupError, TypeError):
        name = None
    return f"capability {name!r}" if name else f"capabilities[{index}]"


def _joined(start: str, rest: Place) -> str:
    text = start
    for part in rest:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _explain(detail: Mapping[str, Any], source: YamlText) -> list[str]:
    place: Place = detail["loc"]
    line = source.line(place)
    where, end = place_name(place, source.data), f" (line {line})" if line else ""
    found = detail.get("input")
    unfilled = isinstance(found, str) and found.lstrip().startswith(UNFILLED)
    if unfilled and detail["type"] != "extra_forbidden":
        return [f"{where}: still to be filled in{end}"]
    return [f"{where}: {one}{end}" for one in in_words(detail, Brief).splitlines()]


def _outlines(data: Any) -> list[Outline]:
    """What each capability says of itself; nothing where one of them does not say it."""
    capabilities = data.get("capabilities") if isinstance(data, dict) else None
    found = []
    for capability in capabilities if isinstance(capabilities, list) else []:
        if not isinstance(capability, dict):
            return []
        name, share = capability.get("name"), capability.get("share")
        if not isinstance(name, str) or isinstance(share, bool) or not isinstance(share, int | float):
            return []
        found.append(Outline(name, str(capability.get("role", "adjacent")), float(share)))
    return found
