"""Training dialogues: JSONL to token ids, with a loss on the assistant's turns only."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from serving.manifest import file_sha256
from telemetry.errors import UsageError

IGNORED: Final = -100
"""The label that PyTorch's cross-entropy leaves out."""


@dataclass(frozen=True, slots=True)
class Example:
    """One dialogue as tokens; `labels` equals `tokens` in the assistant's turns and is IGNORED elsewhere."""

    tokens: tuple[int, ...]
    labels: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """All examples of a file, its hash, and how many dialogues were cut at the maximal length."""

    examples: tuple[Example, ...]
    sha256: str
    cut: int


def load_training_set(path: Path, tokenizer: Any, max_length: int) -> TrainingSet:
    """Read `{"messages": [{"role", "content"}, ...]}` lines. Raises UsageError that names file and line."""
    if not path.is_file():
        raise UsageError(f"no training data at {path}", hint="It is a JSONL file of dialogues.")
    examples, cut = [], 0
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        example = _encode(_messages(line, f"{path}, line {number}"), tokenizer)
        if len(example.tokens) > max_length:
            example = Example(example.tokens[:max_length], example.labels[:max_length])
            cut += 1
        if all(label == IGNORED for label in example.labels):
            raise UsageError(
                f"{path}, line {number}: no assistant token is left within {max_length} tokens, so there is "
                "nothing to learn from it"
            )
        examples.append(example)
    if not examples:
        raise UsageError(f"{path} has no dialogues")
    return TrainingSet(tuple(examples), file_sha256(path), cut)


def _messages(line: str, where: str) -> list[dict[str, str]]:
    try:
        data = json.loads(line)
    except json.JSONDecodeError as error:
        raise UsageError(f"{where}: not valid JSON: {error}") from error
    messages = data.get("messages") if isinstance(data, dict) else None
    if not isinstance(messages, list) or not messages:
        raise UsageError(f'{where}: expected {{"messages": [...]}} with at least one message')
    for message in messages:
        if not isinstance(message, dict) or not all(
            isinstance(message.get(k), str) for k in ("role", "content")
        ):
            raise UsageError(
                f'{where}: each message needs "role" and "content" as strings, found {message!r}'
            )
    if messages[-1]["role"] != "assistant":
        raise UsageError(
            f"{where}: the last message must be the assistant's, it is {messages[-1]['role']!r}'s"
        )
    return messages


def _encode(messages: Sequence[dict[str, str]], tokenizer: Any) -> Example:
    """Tokens of the whole dialogue; what the template adds for an assistant's turn is learned with it."""
    tokens: list[int] = []
    labels: list[int] = []
    for place, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        before = _template(tokenizer, messages[:place], generate=True)
        after = _template(tokenizer, messages[: place + 1], generate=False)
        labels += [IGNORED] * (len(before) - len(tokens))
        labels += after[len(before) :]
        tokens = after
    return Example(tuple(tokens), tuple(labels))


def _template(tokenizer: Any, messages: Sequence[dict[str, str]], *, generate: bool) -> list[int]:
    text = tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=generate)
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def batches(examples: Sequence[Example], size: int, seed: int) -> Iterator[list[Example]]:
    """Endless batches of `size`, reshuffled in every pass with a seeded generator."""
    draw = random.Random(seed)
    waiting: list[Example] = []
    while True:
        while len(waiting) < size:
            waiting += draw.sample(list(examples), len(examples))
        yield waiting[:size]
        waiting = waiting[size:]


def collate(batch: Sequence[Example], pad: int) -> dict[str, torch.Tensor]:
    """Right-padded tensors of shape (batch, longest): input_ids, attention_mask, labels."""
    longest = max(len(example.tokens) for example in batch)
    gaps = [longest - len(example.tokens) for example in batch]
    pairs = list(zip(batch, gaps, strict=True))
    return {
        "input_ids": torch.tensor([[*e.tokens, *[pad] * gap] for e, gap in pairs]),
        "attention_mask": torch.tensor([[1] * len(e.tokens) + [0] * gap for e, gap in pairs]),
        "labels": torch.tensor([[*e.labels, *[IGNORED] * gap] for e, gap in pairs]),
    }
