"""Dialogues to token ids with labels on the assistant's words only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from telemetry.errors import UsageError
from telemetry.events import Message, Value

IGNORED: Final = -100  # the label that cross entropy leaves out


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


@dataclass(frozen=True, slots=True)
class Example:
    """A dialogue as the model reads it; `labels` repeat the token ids where the loss counts."""

    tokens: tuple[int, ...]
    labels: tuple[int, ...]


class NothingLeft(UsageError):
    """All that a dialogue's assistant says lies beyond the length at which examples are cut."""


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


def encode(dialogue: Dialogue, tokenizer: Any, max_length: int) -> Example:
    """Render a dialogue with the chat template; the loss counts what the assistant says and its end mark.

    Templates seldom mark the assistant's words, so their place is found by rendering the dialogue up to
    each turn. Raises NothingLeft where `max_length` leaves none of them.
    """
    turns = [message.model_dump() for message in dialogue.messages]
    text = _without_end(tokenizer, turns) if dialogue.cut else render(tokenizer, turns)
    spans = [
        _assistant_span(tokenizer, turns, index, text)
        for index, turn in enumerate(turns)
        if turn["role"] == "assistant"
    ]
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    tokens = tuple(encoded["input_ids"][:max_length])
    labels = tuple(
        token if any(start <= first and last <= end for start, end in spans) else IGNORED
        for token, (first, last) in zip(tokens, encoded["offset_mapping"], strict=False)
    )
    if all(label == IGNORED for label in labels):
        raise NothingLeft(
            f"a dialogue of {len(encoded['input_ids'])} tokens has no assistant words within the first "
            f"{max_length}: {text[:80]!r}...",
            hint="Raise max_length, or shorten the dialogue.",
        )
    return Example(tokens=tokens, labels=labels)


def encode_source(
    source: Source, tokenizer: Any, max_length: int, *, skip_long: bool = True
) -> tuple[list[Example], int]:
    """The source's examples, and how many dialogues `max_length` left nothing of.

    Those are left out where `skip_long`; otherwise the first of them raises NothingLeft. Raises UsageError where
    no dialogue is left.
    """
    examples = []
    for dialogue in source.dialogues:
        try:
            examples.append(encode(dialogue, tokenizer, max_length))
        except NothingLeft:
            if not skip_long:
                raise
    if not examples:
        raise UsageError(
            f"source {source.name!r}: all of its {len(source.dialogues)} dialogues are longer than "
            f"{max_length} tokens before the assistant speaks",
            hint="Raise max_length, or leave the source out.",
        )
    return examples, len(source.dialogues) - len(examples)


def _without_end(tokenizer: Any, turns: list[dict[str, str]]) -> str:
    """The turns up to the last word of the last one."""
    before, whole = len(render(tokenizer, turns[:-1], asks=True)), render(tokenizer, turns)
    said = turns[-1]["content"].strip()
    place = whole.find(said, before)
    if place < 0:
        raise UsageError(f"the chat template rewrites what the assistant says: {said[:80]!r}")
    return whole[: place + len(said)]


def _assistant_span(tokenizer: Any, turns: list[dict[str, str]], index: int, text: str) -> tuple[int, int]:
    before = render(tokenizer, turns[:index], asks=True)
    ends = index == len(turns) - 1  # and the text may be cut there
    through = text if ends else render(tokenizer, turns[: index + 1])
    if not (text.startswith(through) and through.startswith(before)):
        raise UsageError(
            f"the chat template renders turn {index + 1} differently once more turns follow, "
            "so the assistant's words cannot be found",
            hint="Use dialogues with a single assistant turn.",
        )
    # The line break after the end mark belongs to the template: the engine stops before it.
    return len(before), len(through.rstrip("\n"))


def render(tokenizer: Any, turns: list[dict[str, str]], *, asks: bool = False) -> str:
    """The turns as the chat template writes them; `asks` ends with the opening of the assistant's next turn."""
    return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=asks))


def pad(
    examples: Sequence[Example], padding: int
) -> tuple[list[list[int]], list[list[int]], list[list[int]]]:
    """Token ids, attention mask and labels of one batch, filled up on the right to the longest."""
    width = max(len(example.tokens) for example in examples)
    tokens, mask, labels = [], [], []
    for example in examples:
        missing = width - len(example.tokens)
        tokens.append([*example.tokens, *[padding] * missing])
        mask.append([*[1] * len(example.tokens), *[0] * missing])
        labels.append([*example.labels, *[IGNORED] * missing])
    return tokens, mask, labels
