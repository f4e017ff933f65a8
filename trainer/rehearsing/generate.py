"""Greedy answers of a model in this process, many at once. Importing this loads torch and transformers.

A loop of our own, since rows that have ended leave the batch, every row has its own limit, and what all prompts of
a batch begin with (a system prompt, examples) is read once.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from serving.progress import Report, silent
from telemetry.errors import UsageError
from telemetry.events import Message
from trainer.data.encoding import render
from trainer.methods.modes import answering

_WORTH_SHARING: Final = 8  # tokens; a shorter common beginning costs more to read apart than it saves


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model answered. `ended` is false where its limit cut it off before the end mark."""

    text: str
    tokens: int
    ended: bool


def generate(
    model: Any,
    tokenizer: Any,
    conversations: Sequence[Sequence[Message]],
    max_new_tokens: Sequence[int] | int,
    *,
    batch_size: int = 64,
    adapter: bool = True,
    progress: Report | None = None,
) -> list[str]:
    """The texts of `answer`, which says what the arguments are."""
    answers = answer(
        model,
        tokenizer,
        conversations,
        max_new_tokens,
        batch_size=batch_size,
        adapter=adapter,
        progress=progress,
    )
    return [one.text for one in answers]


def answer(
    model: Any,
    tokenizer: Any,
    conversations: Sequence[Sequence[Message]],
    max_new_tokens: Sequence[int] | int,
    *,
    batch_size: int = 64,
    adapter: bool = True,
    progress: Report | None = None,
) -> list[Answer]:
    """What `model` answers to each conversation, greedily, in the conversations' order.

    An answer ends before the end mark or after its `max_new_tokens`, one number for all or one each. Special
    tokens are left out of the text, nothing else is changed. `adapter` false asks the base under a peft adapter.
    The same inputs give the same answers; another `batch_size` may turn a near tie between two tokens where the
    weights are bfloat16.

    Raises UsageError for limits that do not fit the conversations, and for a conversation that leaves no room
    for its answer.
    """
    produced = answer_tokens(
        model,
        tokenizer,
        conversations,
        max_new_tokens,
        batch_size=batch_size,
        adapter=adapter,
        progress=progress,
    )
    ends = _end_marks(model, tokenizer)
    return [_answer(tokenizer, said, ends) for _, said in produced]


def answer_tokens(
    model: Any,
    tokenizer: Any,
    conversations: Sequence[Sequence[Message]],
    max_new_tokens: Sequence[int] | int,
    *,
    batch_size: int = 64,
    adapter: bool = True,
    progress: Report | None = None,
) -> list[tuple[list[int], list[int]]]:
    """As `answer`, in tokens: of each conversation as it is asked, and of its answer with the end mark, if one came."""
    limits = _limits(max_new_tokens, len(conversations))
    rows = [_encode(tokenizer, conversation) for conversation in conversations]
    _check_room(rows, limits, getattr(model.config, "max_position_embeddings", None))
    ends = _end_marks(model, tokenizer)
    order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
    told = _Told(progress or silent, len(rows))
    answers: dict[int, list[int]] = {}
    with answering(model, adapter=adapter):
        for first in range(0, len(order), batch_size):
            batch = order[first : first + batch_size]
            produced = _decode(model, [rows[i] for i in batch], [limits[i] for i in batch], ends, told)
            answers.update(zip(batch, produced, strict=True))
    return [(row, answers[index]) for index, row in enumerate(rows)]


def _answer(tokenizer: Any, produced: list[int], ends: frozenset[int]) -> Answer:
    ended = produced[-1] in ends
    said = produced[:-1] if ended else produced
    return Answer(str(tokenizer.decode(said, skip_special_tokens=True)), len(said), ended)


class _Told:
    """Counts answers that have ended and tokens, and reports both."""

    def __init__(self, report: Report, total: int) -> None:
        self._report, self._total = report, total
        self._ended = self._tokens = 0
        self._started = time.monotonic()

    def step(self, tokens: int, ended: int) -> None:
        self._tokens += tokens
        self._ended += ended
        if ended:
            rate = self._tokens / (time.monotonic() - self._started)
            self._report(self._ended, self._total, f"{rate:.0f} tokens/s")


def _limits(max_new_tokens: Sequence[int] | int, wanted: int) -> list[int]:
    limits = [max_new_tokens] * wanted if isinstance(max_new_tokens, int) else list(max_new_tokens)
    if len(limits) != wanted:
        raise UsageError(
            f"{len(limits)} limits of tokens for {wanted} conversations: give one each, or one number"
        )
    if any(limit < 1 for limit in limits):
        raise UsageError(f"an answer of at most {min(limits)} tokens: expected 1 or more")
    return limits


def _encode(tokenizer: Any, conversation: Sequence[Message]) -> list[int]:
    if not conversation:
        raise UsageError("a conversation without a message: there is nothing to answer")
    text = render(tokenizer, [message.model_dump() for message in conversation], asks=True)
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def _check_room(rows: Sequence[Sequence[int]], limits: Sequence[int], context: int | None) -> None:
    for row, limit in zip(rows, limits, strict=True):
        if context is not None and len(row) + limit > context:
            raise UsageError(
                f"a conversation of {len(row)} tokens and an answer of {limit} do not fit "
                f"the model's context of {context}",
                hint="Shorten the conversation, or lower max_new_tokens.",
            )


def _end_marks(model: Any, tokenizer: Any) -> frozenset[int]:
    """What ends an answer: the model's own end marks and the tokenizer's."""
    configured = model.generation_config.eos_token_id
    marks = configured if isinstance(configured, list) else [configured]
    return frozenset(mark for mark in [*marks, tokenizer.eos_token_id] if mark is not None)


def _decode(
    model: Any, rows: Sequence[list[int]], limits: Sequence[int], ends: frozenset[int], told: _Told
) -> list[list[int]]:
    """The tokens that follow each row, its end mark included where one came.

    The cache holds `shared | filling | rest of the row`; the filling is masked out and has no positions.
    """
    cache = DynamicCache(config=model.config)
    shared = _shared(rows, cache)
    tokens, mask = _fill_left([row[shared:] for row in rows], model.device)
    if shared:
        beginning = torch.tensor([rows[0][:shared]], device=model.device)
        model(input_ids=beginning, past_key_values=cache, use_cache=True, logits_to_keep=1)
        cache.batch_repeat_interleave(len(rows))
        mask = torch.cat([mask.new_ones(len(rows), shared), mask], dim=1)
    positions = (mask.cumsum(dim=1) - 1).clamp(min=0)[:, shared:]
    alive = list(range(len(rows)))
    answers: list[list[int]] = [[] for _ in rows]
    while True:
        logits = model(
            input_ids=tokens,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits
        chosen = logits[:, -1].argmax(dim=-1)
        stays = _append(answers, alive, chosen.tolist(), limits, ends)
        told.step(len(alive), len(alive) - len(stays))
        if not stays:
            return answers
        positions = positions[:, -1:] + 1
        if len(stays) < len(alive):
            kept = torch.tensor(stays, device=model.device)
            cache.batch_select_indices(kept)
            chosen, mask, positions = chosen[kept], mask[kept], positions[kept]
            alive = [alive[place] for place in stays]
        tokens = chosen[:, None]
        mask = torch.cat([mask, mask.new_ones(len(stays), 1)], dim=1)


def _shared(rows: Sequence[list[int]], cache: Any) -> int:
    """How many tokens all rows begin with; 0 where reading them apart does not pay or the cache does not allow it.

    At least one token of each row is left to be read. Layers with a window count distance in the cache, where
    the filling would stand between: those read every row whole.
    """
    if len(rows) == 1 or not all(type(layer) is DynamicLayer for layer in cache.layers):
        return 0
    least, greatest = min(rows), max(rows)  # in the order of their tokens: what these two share, all do
    equal = [one == other for one, other in zip(least, greatest, strict=False)]
    common = equal.index(False) if False in equal else len(equal)
    shared = min(common, min(map(len, rows)) - 1)
    return shared if shared >= _WORTH_SHARING else 0


def _fill_left(rows: Sequence[list[int]], device: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and attention mask, (rows, longest) each."""
    width = max(map(len, rows))
    tokens = [[0] * (width - len(row)) + row for row in rows]
    mask = [[0] * (width - len(row)) + [1] * len(row) for row in rows]
    return torch.tensor(tokens, device=device), torch.tensor(mask, device=device)


def _append(
    answers: Sequence[list[int]],
    alive: Sequence[int],
    chosen: Sequence[int],
    limits: Sequence[int],
    ends: frozenset[int],
) -> list[int]:
    """Give each living row its next token; the places, among the living, of those that go on."""
    stays = []
    for place, (row, token) in enumerate(zip(alive, chosen, strict=True)):
        answers[row].append(token)
        if token not in ends and len(answers[row]) < limits[row]:
            stays.append(place)
    return stays
