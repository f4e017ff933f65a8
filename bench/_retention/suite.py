"""Asks a model in this process everything that bench/retention.py measures, and scores it item by item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from _retention.data import Choice
from evaluator.briefs.brief import LoadedBrief
from evaluator.judge.judges.judge import Judge
from telemetry.events import Message
from trainer.methods.modes import answering
from trainer.rehearsing.generate import generate

Scores = dict[str, list[float]]
_TOGETHER = 48


def score(model: Any, tokenizer: Any, loaded: LoadedBrief, chosen: Mapping[str, Sequence[Choice]]) -> Scores:
    """The scores of every audit item of the brief and of every item with choices, by capability.

    What the judge cannot tell counts as 0, which no arm can profit from: whether it can depends on the item.
    """
    judge = Judge(loaded)
    asked = [(c, item) for c in loaded.brief.capabilities for item in loaded.items_of(c.name, "audit")]
    answers = generate(
        model,
        tokenizer,
        [[Message(role="user", content=item.prompt)] for _, item in asked],
        [capability.max_tokens for capability, _ in asked],
        batch_size=_TOGETHER,
    )
    found: Scores = {}
    for (capability, item), answer in zip(asked, answers, strict=True):
        value = judge.judge(capability.name, item.prompt, answer).value
        found.setdefault(capability.name, []).append(value or 0.0)
    with answering(model):
        for name, items in chosen.items():
            likeliest = _likeliest(model, tokenizer, items)
            found[name] = [float(a == item.gold) for a, item in zip(likeliest, items, strict=True)]
    return found


def _likeliest(model: Any, tokenizer: Any, items: Sequence[Choice]) -> list[int]:
    """For each item the choice whose log-likelihood per character is largest."""
    rows = [
        (place, number, tokenizer(item.prompt)["input_ids"], tokenizer(choice)["input_ids"], len(choice))
        for place, item in enumerate(items)
        for number, choice in enumerate(item.choices)
    ]
    rows.sort(key=lambda row: len(row[2]) + len(row[3]))
    found: dict[tuple[int, int], float] = {}
    for first in range(0, len(rows), _TOGETHER):
        batch = rows[first : first + _TOGETHER]
        for row, value in zip(
            batch, _log_likelihoods(model, [(p, c) for _, _, p, c, _ in batch]), strict=True
        ):
            found[row[0], row[1]] = value / row[4]
    return [
        max(range(len(item.choices)), key=lambda number, p=place: found[p, number])
        for place, item in enumerate(items)
    ]


def _log_likelihoods(model: Any, rows: Sequence[tuple[list[int], list[int]]]) -> list[float]:
    """Log-likelihood of each continuation after its prompt, in nats."""
    width = max(len(prompt) + len(more) for prompt, more in rows)
    tokens = torch.zeros((len(rows), width), dtype=torch.long)
    mask = torch.zeros_like(tokens)
    for place, (prompt, more) in enumerate(rows):
        both = torch.tensor([*prompt, *more])
        tokens[place, : len(both)], mask[place, : len(both)] = both, 1
    keep = max(width - len(prompt) for prompt, _ in rows) + 1
    logits = model(input_ids=tokens, attention_mask=mask, logits_to_keep=keep).logits
    start = width - logits.shape[1]
    found = []
    for place, (prompt, more) in enumerate(rows):
        at = slice(len(prompt) - 1 - start, len(prompt) + len(more) - 1 - start)
        likely = logits[place, at].float().log_softmax(dim=-1)
        found.append(float(likely[torch.arange(len(more)), torch.tensor(more)].sum()))
    return found
