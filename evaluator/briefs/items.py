"""Benchmark items: reading their files, line by line. What must hold between them is in `agreement`."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from evaluator.briefs.problems import Problem
from evaluator.briefs.schema import UNFILLED

Split = Literal["audit", "traffic", "tuning"]
_SHOWN: Final = 3
_DIGITS: Final = 12


class Item(BaseModel):
    """One benchmark item. `split` keeps apart what the audit asks, what the demo's traffic asks, and what is tuned on.

    Items of one `cluster` share a passage or a template: their scores are no independent draws. A line without an
    `id` gets one made of its prompt (`made_id`). `proposed` is a reference that nobody has confirmed, such as what
    was served when this was asked: no judge reads it; whoever finds it right moves it to `reference`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    prompt: str
    reference: Any = None
    split: Split = "audit"
    cluster: str | None = None
    proposed: Any = None


@dataclass(frozen=True, slots=True)
class PlacedItem:
    """An item and where it stands: its file, and its line there, counted from 1."""

    item: Item
    file: Path
    line: int

    @property
    def where(self) -> str:
        """The place as a message says it."""
        return f"{self.file}, line {self.line}"


def normalised_prompt(prompt: str) -> str:
    """The prompt with its white space collapsed: what makes two prompts one."""
    return " ".join(prompt.split())


def made_id(capability: str, prompt: str) -> str:
    """The id of an item that has none: the capability and a digest of the prompt, white space aside.

    It does not depend on the other items, nor on reference, split or cluster: an item keeps it when those are edited.

    >>> made_id("sums", "What is 9 + 7?")
    'sums-cfa8af672fab'
    """
    said = normalised_prompt(prompt).encode(errors="surrogatepass")
    return f"{capability}-{hashlib.blake2b(said, digest_size=_DIGITS // 2).hexdigest()}"


def read_items(text: str, file: Path, capability: str) -> tuple[tuple[PlacedItem, ...], list[Problem]]:
    """The items in the text of a JSONL file with their lines, and the lines that are none."""
    items, wrong = [], []
    # By line feeds alone: JSON may hold U+2028 and U+0085, which splitlines would cut at.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            item = Item.model_validate(_with_id(json.loads(line), capability))
        except (json.JSONDecodeError, RecursionError) as error:
            wrong.append(f"line {number}: not valid JSON: {error}")
        except ValidationError as error:
            said = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'item'}: {e['msg']}" for e in error.errors())
            wrong.append(f"line {number}: not a valid item: {said}")
        else:
            if item.prompt.lstrip().startswith(UNFILLED):
                wrong.append(f"line {number}: still the example; write the capability's own items")
            else:
                items.append(PlacedItem(item, file, number))
    problems = [Problem(f"{file}, {one}") for one in wrong[:_SHOWN]]
    if len(wrong) > _SHOWN:
        problems.append(Problem(f"{file}: {len(wrong) - _SHOWN} more lines are no items"))
    if not items and not wrong:
        problems.append(Problem(f"capability {capability!r}: its items file {file} has no items"))
    return tuple(items), problems


def _with_id(row: Any, capability: str) -> Any:
    if isinstance(row, dict) and "id" not in row and isinstance(row.get("prompt"), str):
        return {"id": made_id(capability, row["prompt"]), **row}
    return row
