"""What a step minimises: cross entropy over the assistant's words, the same for any number of processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any, Final, NamedTuple

import torch
from accelerate import Accelerator
from torch.nn import functional

from trainer.data.encoding import IGNORED, Example, pad
from trainer.data.feed import Row
from trainer.data.lengths import grouped
from trainer.data.packing import packed_tensors
from trainer.methods.devices import onto
from trainer.methods.kl import kl_to_base

_PASS: Final = 48  # tokens that cost as much as a pass costs beside its tokens: SmolLM2, one core

Batch = dict[str, torch.Tensor]


class Losses(NamedTuple):
    """What a step minimises, in nats per labelled token: the data's cross entropy, and the weighted KL from base."""

    data: float
    kl: float

    @property
    def total(self) -> float:
        """Both."""
        return self.data + self.kl


class Objective:
    """Losses of rows, and their gradients.

    A step's loss is the sum over its labelled tokens divided by how many there are in the whole step. Taken in parts,
    one after another or on several processes, it is the same number, and so is its gradient. Each rehearsed token adds
    `kl` times its KL(base || candidate) to the sum; without `learn` that is all that it adds, and it is not counted.
    """

    def __init__(
        self,
        model: Any,
        accelerator: Accelerator,
        padding: int,
        *,
        packed: bool = False,
        kl: float = 0.0,
        learn: bool = True,
    ) -> None:
        self._model, self._accelerator = model, accelerator
        self._padding, self._packed = padding, packed
        self._kl, self._learn = kl, learn
        self._dtype = next(model.parameters()).dtype  # the embeddings' is that of what attention sees

    def tokens(self, rows: Sequence[Row]) -> int:
        """How many tokens of a step's rows its loss is divided by.

        Without `learn` those of the rehearsed rows are not counted, unless a step has no others: then its divergence is
        a mean over them, as it is over the learnt ones elsewhere.
        """
        learnt = labelled_tokens([row for row in rows if self._learn or not row.rehearsed])
        return learnt or max(1, labelled_tokens(rows))

    def backward(self, rows: Sequence[Row], tokens: int) -> Losses:
        """Add the gradients of the rows' part of the loss to `.grad`; that part.

        `tokens` is that of all rows of the step. Every process takes its share of the sequences.
        """
        processes, here = self._accelerator.num_processes, self._accelerator.process_index
        mine = [row for row in rows if row.sequence % processes == here] or [_unlabelled(rows[0])]
        passes = self._passes(mine)
        known = rows if len(passes) == 1 else ()  # every process asks base where any of them has to
        parts = [self._pass(part, tokens, known or part) for part in passes]
        return Losses(sum(part.data for part in parts), sum(part.kl for part in parts))

    def _passes(self, rows: Sequence[Row]) -> list[list[Row]]:
        """The rows that are read together. Several processes have to read as often as each other: once."""
        alone = self._accelerator.num_processes == 1
        if self._packed or not alone or self._accelerator.device.type != "cpu":
            return [list(rows)]
        lengths = [len(row.example.tokens) for row in rows]
        return [[rows[place] for place in places] for places in grouped(lengths, _PASS)]

    def _pass(self, mine: Sequence[Row], tokens: int, known: Sequence[Row]) -> Losses:
        processes = self._accelerator.num_processes
        batch = self._batch(mine)
        logits, wanted = labelled_logits(self._model, batch)
        kl = logits.new_zeros((), dtype=torch.float32)
        learnt: torch.Tensor | slice = slice(None)
        if self._kl and any(row.rehearsed for row in known):
            rehearsed = self._batch([row if row.rehearsed else _unlabelled(row) for row in mine])
            among = (rehearsed["labels"][:, 1:] != IGNORED)[batch["labels"][:, 1:] != IGNORED]
            adapted = self._accelerator.unwrap_model(self._model)
            apart = kl_to_base(adapted, self._model, labelled_logits, rehearsed, logits[among])
            kl = self._kl * apart / tokens
            if not self._learn:
                learnt = ~among
        data = cross_entropy_sum(logits[learnt], wanted[learnt]) / tokens
        self._accelerator.backward((data + kl) * processes)  # gradients are averaged over processes
        both: torch.Tensor = self._accelerator.reduce(
            torch.stack([data.detach(), kl.detach()]), reduction="sum"
        )
        return Losses(*both.tolist())

    def _batch(self, rows: Sequence[Row]) -> Batch:
        if self._packed:
            sequences = [list(group) for _, group in groupby(rows, key=lambda row: row.sequence)]
            examples = [[row.example for row in group] for group in sequences]
            found = packed_tensors(examples, self._padding, self._dtype)
        else:
            found = tensors([row.example for row in rows], self._padding)
        return onto(found, self._accelerator.device)


def labelled_tokens(rows: Sequence[Row]) -> int:
    """How many tokens the loss counts: every label but an example's first, which nothing predicts."""
    return sum(label != IGNORED for row in rows for label in row.example.labels[1:])


def completion_loss(model: Any, batch: Batch) -> torch.Tensor:
    """Mean cross entropy over the assistant's tokens; 0 where there are none."""
    logits, wanted = labelled_logits(model, batch)
    return cross_entropy_sum(logits, wanted) / max(len(wanted), 1)


def labelled_logits(model: Any, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """What predicts the assistant's tokens: logits (tokens, vocabulary), and the tokens, row after row.

    The vocabulary's logits are a fifth of the work, so they are computed only from the first labelled
    position of the batch on.
    """
    labels = batch["labels"][:, 1:]
    first = int((labels != IGNORED).any(dim=0).int().argmax())
    given = {name: values for name, values in batch.items() if name != "labels"}
    logits: torch.Tensor = model(**given, logits_to_keep=labels.shape[1] - first + 1).logits[:, :-1]
    wanted = labels[:, first:]
    counted = wanted != IGNORED
    return logits[counted], wanted[counted]


def cross_entropy_sum(logits: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """In nats. 0 where there is no token, and then every weight still has a gradient of it, which is 0."""
    return functional.cross_entropy(logits.float(), wanted, reduction="sum")


def tensors(examples: Sequence[Example], padding: int) -> Batch:
    """The examples as one padded batch, (examples, tokens) each."""
    tokens, mask, labels = pad(examples, padding)
    return {
        "input_ids": torch.tensor(tokens),
        "attention_mask": torch.tensor(mask),
        "labels": torch.tensor(labels),
    }


def _unlabelled(row: Row) -> Row:
    """A stand-in for a process that has no row of its own: it must take part, and changes nothing."""
    return row._replace(example=replace(row.example, labels=(IGNORED,) * len(row.example.labels)))
