"""What must hold between the items and exemplars of one brief, and what is put right where it does not.

A prompt that stands twice would be two draws of the audit that are one, with two references that may differ: the
first one counts, in the order of the brief, the others are left out, with a warning. An id that stands twice is an
error: what is kept of an item's answers is found by it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from evaluator.briefs.items import Item, PlacedItem, normalised_prompt
from evaluator.briefs.problems import Problem

_SHOWN: Final = 3
_MOST: Final = 20
"""Warnings of one kind that are told one by one; the rest is counted."""


class Settled(NamedTuple):
    """Each capability's items without repeats; the errors among them, and what was left out and where it stands."""

    items: dict[str, tuple[Item, ...]]
    problems: list[Problem]
    warnings: list[str]


def settled(placed: Mapping[str, Sequence[PlacedItem]]) -> Settled:
    """The items of a brief, by capability in its order: each prompt once, each id once or a problem."""
    first: dict[str, PlacedItem] = {}
    kept: dict[str, list[PlacedItem]] = {}
    warnings, problems = [], []
    for name, group in placed.items():
        kept[name] = []
        for one in group:
            before = first.setdefault(normalised_prompt(one.item.prompt), one)
            if before is one:
                kept[name].append(one)
            else:
                warnings.append(_repeat(before, one))
        if group and not kept[name]:
            problems.append(
                Problem(f"capability {name!r}: all of its items stand elsewhere in the brief as well")
            )
    problems += _same_ids([one for group in kept.values() for one in group])
    if len(warnings) > _MOST:
        warnings = [*warnings[:_MOST], f"{len(warnings) - _MOST} more items repeat a prompt and are left out"]
    return Settled({name: tuple(o.item for o in group) for name, group in kept.items()}, problems, warnings)


def _repeat(before: PlacedItem, one: PlacedItem) -> str:
    differs = [
        key for key in ("reference", "split") if getattr(before.item, key) != getattr(one.item, key)
    ]  # fmt: skip
    but = f", though its {' and '.join(differs)} differ{'s' if len(differs) == 1 else ''}" if differs else ""
    return (
        f"{one.where} asks what {before.where} asks already{but}: {_quoted(one.item.prompt)}; "
        "the first one counts, this one is left out"
    )


def _same_ids(kept: Iterable[PlacedItem]) -> list[Problem]:
    by_id: dict[str, list[PlacedItem]] = {}
    for one in kept:
        by_id.setdefault(one.item.id, []).append(one)
    twice = [(name, group) for name, group in sorted(by_id.items()) if len(group) > 1]
    told = [
        Problem(
            f"items with the same id: {name!r} ({' and '.join(one.where for one in group[:_SHOWN])})",
            "Give one of them another id, or leave it out: then one is made of the prompt.",
        )
        for name, group in twice[:_SHOWN]
    ]
    return [*told, *([Problem(f"{len(twice) - _SHOWN} more ids stand twice")] if len(twice) > _SHOWN else [])]


def leaks(items: Mapping[str, Sequence[Item]], exemplars: Mapping[str, Sequence[str]]) -> list[Problem]:
    """What would make scores lie. Both arguments are by capability name.

    An exemplar that teaches two capabilities, or one that is an item's prompt.
    """
    found = []
    taught = {name: {normalised_prompt(one) for one in prompts} for name, prompts in exemplars.items()}
    if twice := _twice(one for prompts in taught.values() for one in prompts):
        found.append(Problem(f"exemplars of more than one capability: {_listed(twice)}"))
    asked = {normalised_prompt(item.prompt) for group in items.values() for item in group}
    hint = "The tagger would be measured on what it was taught; reword the exemplars."
    for name, prompts in taught.items():
        if leaked := sorted(prompts & asked):
            found.append(
                Problem(f"capability {name!r}: exemplars that are also items: {_listed(leaked)}", hint)
            )
    return found


def _twice(values: Iterable[str]) -> list[str]:
    return sorted(value for value, count in Counter(values).items() if count > 1)


def _listed(values: Sequence[str]) -> str:
    shown = ", ".join(repr(value) for value in values[:_SHOWN])
    return f"{shown} and {len(values) - _SHOWN} more" if len(values) > _SHOWN else shown


def _quoted(prompt: str) -> str:
    line = normalised_prompt(prompt)
    return repr(line if len(line) <= 60 else f"{line[:57]}...")
