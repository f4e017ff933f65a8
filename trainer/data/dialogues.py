"""Dialogues as they lie in a data file, and the sources that they come from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from telemetry.errors import UsageError
from telemetry.events import Message, Value


class Dialogue(Value):
    """One training example, as a line of the data file holds it.

    `cut` says that the last turn was cut off before its end: then its end mark is not learnt.
    """

    messages: tuple[Message, ...]
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """Dialogues of one origin. `share` of every batch comes from them; `sha256` names what they were made from.

    `rehearsed` are base's own answers, which the KL term compares with base.
    """

    name: str
    share: float
    dialogues: tuple[Dialogue, ...]
    sha256: str
    rehearsed: bool = False


def load_dialogues(path: Path) -> list[Dialogue]:
    """Read a JSONL file of `{"messages": [{"role", "content"}, ...]}`; UsageError names the line."""
    if not path.is_file():
        raise UsageError(f"no training data at {path}", hint="Give a JSONL file of dialogues.")
    dialogues = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if line.strip():
            dialogues.append(dialogue_of(line, f"{path}, line {number}"))
    if not dialogues:
        raise UsageError(f"{path} has no dialogues")
    return dialogues


def dialogue_of(row: str | dict[str, Any], where: str) -> Dialogue:
    """The dialogue in one row, JSON or read already; UsageError says `where` it stands and what is wrong with it."""
    try:
        dialogue = Dialogue.model_validate(json.loads(row) if isinstance(row, str) else row)
    except (json.JSONDecodeError, ValidationError) as error:
        raise UsageError(
            f"{where}: not a dialogue: {error}",
            hint='Expected {"messages": [{"role": "user", "content": "..."}, ...]}.',
        ) from error
    if not any(message.role == "assistant" for message in dialogue.messages):
        raise UsageError(f"{where}: no assistant turn, so there is nothing to learn from it")
    if dialogue.messages[0].role == "assistant":
        raise UsageError(f"{where}: the assistant speaks first, to nobody's question")
    return dialogue


def data_sha256(path: Path) -> str:
    """The hash that a manifest names the data file by."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
