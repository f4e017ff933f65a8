"""Benchmark items: reading their files, and what must hold between the items and exemplars of one brief."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from telemetry.errors import BriefError

Split = Literal["audit", "traffic"]
_SHOWN = 3


class Item(BaseModel):
    """One benchmark item. `split` keeps what the tests ask apart from what the demo's traffic asks.

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


def load_items(file: Path, capability: str) -> tuple[Item, ...]:
    """The items of one JSONL file. Raises BriefError where it is absent, empty or has a line that is no item."""
    if not file.is_file():
        raise BriefError(f"capability {capability!r}: its items file {file} does not exist")
    items = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            items.append(Item.model_validate(json.loads(line)))
        except json.JSONDecodeError as error:
            raise BriefError(f"{file}, line {number}: not valid JSON: {error}") from error
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'item'}: {e['msg']}" for e in error.errors())
            raise BriefError(f"{file}, line {number}: not a valid item: {wrong}") from error
    if not items:
        raise BriefError(f"capability {capability!r}: its items file {file} has no items")
    return tuple(items)


def check_items(items: Mapping[str, Sequence[Item]], exemplars: Mapping[str, Sequence[str]]) -> None:
    """Refuse what would make scores lie. Both arguments are by capability name.

    BriefError where an id or a prompt stands twice among all items (the judge could not tell which reference
    holds), where an exemplar teaches two capabilities, or where one is an item's prompt: a leak.
    """
    every = [item for group in items.values() for item in group]
    if twice := _twice(item.id for item in every):
        raise BriefError(f"items with the same id: {_listed(twice)}")
    if twice := _twice(normalised_prompt(item.prompt) for item in every):
        raise BriefError(
            f"items with the same prompt: {_listed(twice)}",
            hint="Each prompt may stand once in the whole brief, whatever its capability and split.",
        )
    taught = {name: {normalised_prompt(one) for one in prompts} for name, prompts in exemplars.items()}
    if twice := _twice(one for prompts in taught.values() for one in prompts):
        raise BriefError(f"exemplars of more than one capability: {_listed(twice)}")
    asked = {normalised_prompt(item.prompt) for item in every}
    for name, prompts in taught.items():
        if leaked := sorted(prompts & asked):
            raise BriefError(
                f"capability {name!r}: exemplars that are also items: {_listed(leaked)}",
                hint="The tagger would be measured on what it was taught; reword the exemplars.",
            )


def _twice(values: Iterable[str]) -> list[str]:
    return sorted(value for value, count in Counter(values).items() if count > 1)


def _listed(values: Sequence[str]) -> str:
    shown = ", ".join(repr(value) for value in values[:_SHOWN])
    return f"{shown} and {len(values) - _SHOWN} more" if len(values) > _SHOWN else shown
