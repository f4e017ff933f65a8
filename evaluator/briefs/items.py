"""Benchmark items: reading their files, and what must hold between the items and exemplars of one brief."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from evaluator.briefs.problems import Problem
from evaluator.briefs.schema import UNFILLED

Split = Literal["audit", "traffic", "tuning"]
_SHOWN = 3


class Item(BaseModel):
    """One benchmark item. `split` keeps apart what the audit asks, what the demo's traffic asks, and what is tuned on.

    Items of one `cluster` share a passage or a template: their scores are no independent draws.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    prompt: str
    reference: Any = None
    split: Split = "audit"
    cluster: str | None = None


def normalised_prompt(prompt: str) -> str:
    """The prompt with its white space collapsed: what makes two prompts one."""
    return " ".join(prompt.split())


def read_items(text: str, file: Path, capability: str) -> tuple[tuple[Item, ...], list[Problem]]:
    """The items in the text of a JSONL file, and the lines that are none."""
    items, wrong = [], []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            item = Item.model_validate(json.loads(line))
        except json.JSONDecodeError as error:
            wrong.append(f"line {number}: not valid JSON: {error}")
        except ValidationError as error:
            said = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'item'}: {e['msg']}" for e in error.errors())
            wrong.append(f"line {number}: not a valid item: {said}")
        else:
            if item.prompt.lstrip().startswith(UNFILLED):
                wrong.append(f"line {number}: still the example; write the capability's own items")
            else:
                items.append(item)
    problems = [Problem(f"{file}, {one}") for one in wrong[:_SHOWN]]
    if len(wrong) > _SHOWN:
        problems.append(Problem(f"{file}: {len(wrong) - _SHOWN} more lines are no items"))
    if not items and not wrong:
        problems.append(Problem(f"capability {capability!r}: its items file {file} has no items"))
    return tuple(items), problems


def leaks(items: Mapping[str, Sequence[Item]], exemplars: Mapping[str, Sequence[str]]) -> list[Problem]:
    """What would make scores lie. Both arguments are by capability name.

    An id or a prompt that stands twice among all items (the judge could not tell which reference holds), an
    exemplar that teaches two capabilities, or one that is an item's prompt.
    """
    found = []
    every = [item for group in items.values() for item in group]
    if twice := _twice(item.id for item in every):
        found.append(Problem(f"items with the same id: {_listed(twice)}"))
    if twice := _twice(normalised_prompt(item.prompt) for item in every):
        hint = "Each prompt may stand once in the whole brief, whatever its capability and split."
        found.append(Problem(f"items with the same prompt: {_listed(twice)}", hint))
    taught = {name: {normalised_prompt(one) for one in prompts} for name, prompts in exemplars.items()}
    if twice := _twice(one for prompts in taught.values() for one in prompts):
        found.append(Problem(f"exemplars of more than one capability: {_listed(twice)}"))
    asked = {normalised_prompt(item.prompt) for item in every}
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
