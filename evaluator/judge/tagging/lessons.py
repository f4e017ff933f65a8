"""What a tagger is taught beside the exemplars: audit items, and tags that a person corrected."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from evaluator.briefs.brief import LoadedBrief
from telemetry.errors import UsageError
from telemetry.mistakes import near_or_known

Lessons = Mapping[str | None, tuple[str, ...]]
"""Prompts of each capability; under None those of no capability."""


def item_lessons(loaded: LoadedBrief) -> Lessons:
    """The brief's audit items, by capability."""
    return {name: tuple(item.prompt for item in items) for name, items in loaded.items.items()}


def corrected_lessons(path: Path, names: tuple[str, ...]) -> Lessons:
    """Lines of `{"prompt": ..., "capability": ...}`, null for no capability; of a prompt's lines the last counts.

    UsageError with the line where one is no such object or names a capability that the brief does not have.
    """
    told: dict[str, str | None] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            prompt, name = _line(line, f"{path}, line {number}", names)
            told[prompt] = name
    found: dict[str | None, tuple[str, ...]] = {}
    for prompt, name in told.items():
        found[name] = (*found.get(name, ()), prompt)
    return found


def together(*lessons: Lessons) -> Lessons:
    """All of them; what is corrected stands last, and moves a prompt out of where it stood before."""
    told: dict[str, str | None] = {}
    for one in lessons:
        told |= {prompt: name for name, prompts in one.items() for prompt in prompts}
    found: dict[str | None, tuple[str, ...]] = {}
    for prompt, name in told.items():
        found[name] = (*found.get(name, ()), prompt)
    return found


def _line(line: str, where: str, names: tuple[str, ...]) -> tuple[str, str | None]:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise UsageError(f"{where}: not valid JSON: {error}") from error
    if not isinstance(value, dict) or not isinstance(value.get("prompt"), str) or "capability" not in value:
        raise UsageError(
            f"{where}: expected an object with a prompt and a capability",
            hint='{"prompt": "Where is my order?", "capability": "support_reply"}; null for no capability.',
        )
    name = value["capability"]
    if name is not None and name not in names:
        raise UsageError(f"{where}: the brief has no capability {name!r}{near_or_known(str(name), names)}")
    return value["prompt"], name
