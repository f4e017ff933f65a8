"""Dialogues to token ids, with labels on the assistant's words only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from telemetry.errors import UsageError
from trainer.data.dialogues import Dialogue, Source

IGNORED: Final = -100  # the label that cross entropy leaves out


@dataclass(frozen=True, slots=True)
class Example:
    """A dialogue as the model reads it; `labels` repeat the token ids where the loss counts."""

    tokens: tuple[int, ...]
    labels: tuple[int, ...]


class NothingLeft(UsageError):
    """All that a dialogue's assistant says lies beyond the length at which examples are cut."""


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
