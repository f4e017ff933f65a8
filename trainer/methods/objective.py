"""What a step minimises: cross entropy over the assistant's words, the same for any number of processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import reduce
from itertools import groupby
from typing import Any, Final, NamedTuple

import torch
from accelerate import Accelerator
from torch.nn import functional

from trainer.config import TargetLossSettings
from trainer.data.encoding import IGNORED, Example, pad
from trainer.data.feed import Row
from trainer.data.lengths import grouped
from trainer.data.packing import packed_tensors
from trainer.methods.devices import onto
from trainer.methods.kl import BaseLogits, base_logits, divergence
from trainer.methods.target_loss import anchor_sum, learnt_sum

_PASS: Final = 48  # tokens that cost as much as a pass costs beside its tokens: SmolLM2, one core

Batch = dict[str, torch.Tensor]


class Losses(NamedTuple):
    """What a step minimises, in nats per labelled token: the data's cross entropy, and the weighted KLs from base.

    `kl` is on what is rehearsed, `anchor_kl` on the target.
    """

    data: float
    kl: float
    anchor_kl: float = 0.0

    @property
    def total(self) -> float:
        """All three."""
        return self.data + self.kl + self.anchor_kl

    def plus(self, other: Losses) -> Losses:
        """Of both parts of a step together."""
        return Losses(self.data + other.data, self.kl + other.kl, self.anchor_kl + other.anchor_kl)


class _Read(NamedTuple):
    """What a pass read at its labelled tokens: the candidate's logits, the tokens, and base's logits.

    `rehearsed` marks those whose divergence counts, `target` those that are learnt as `TargetLossSettings` say; None
    where there is nothing of that to do.
    """

    logits: torch.Tensor
    wanted: torch.Tensor
    base: BaseLogits
    rehearsed: torch.Tensor | None
    target: torch.Tensor | None


class Objective:
    """Losses of rows, and their gradients.

    A step's loss is the sum over its labelled tokens divided by how many there are in the whole step. Taken in parts,
    one after another or on several processes, it is the same number, and so is its gradient. Each rehearsed token adds
    `kl` times its KL(base || candidate) to the sum; without `learn` that is all that it adds, and it is not counted.
    The new task's tokens add what `target` makes of them, and are counted whatever it makes.
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
        target: TargetLossSettings | None = None,
    ) -> None:
        self._model, self._accelerator = model, accelerator
        self._padding, self._packed = padding, packed
        self._kl, self._learn, self._target = kl, learn, target
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
        return reduce(Losses.plus, parts)

    def _passes(self, rows: Sequence[Row]) -> list[list[Row]]:
        """The rows that are read together. Several processes have to read as often as each other: once."""
        alone = self._accelerator.num_processes == 1
        if self._packed or not alone or self._accelerator.device.type != "cpu":
            return [list(rows)]
        lengths = [len(row.example.tokens) for row in rows]
        return [[rows[place] for place in places] for places in grouped(lengths, _PASS)]

    def _pass(self, mine: Sequence[Row], tokens: int, known: Sequence[Row]) -> Losses:
        processes = self._accelerator.num_processes
        losses = data, kl, anchor_kl = self._losses(self._read(mine, known), tokens)
        self._accelerator.backward((data + kl + anchor_kl) * processes)  # gradients are averaged over them
        together: torch.Tensor = self._accelerator.reduce(
            torch.stack([loss.detach() for loss in losses]), reduction="sum"
        )
        return Losses(*together.tolist())

    def _read(self, mine: Sequence[Row], known: Sequence[Row]) -> _Read:
        """What candidate and base say at the labelled tokens of `mine`, of which `known` decides what is looked at."""
        logits, wanted = labelled_logits(self._model, self._batch(mine))

        def marked(chosen: Callable[[Row], bool]) -> torch.Tensor:
            return torch.tensor(_marks(mine, chosen), dtype=torch.bool, device=logits.device)

        base = BaseLogits(logits.new_empty((0, logits.shape[-1])), marked(lambda _: False))
        if any(self._asks_base(row) for row in known):
            asked = self._batch([row if self._asks_base(row) else _unlabelled(row) for row in mine])
            adapted = self._accelerator.unwrap_model(self._model)
            base = BaseLogits(
                base_logits(adapted, self._model, labelled_logits, asked), marked(self._asks_base)
            )
        holds = self._kl > 0 and any(row.rehearsed for row in known)
        treats = self._target is not None and any(row.new_task for row in known)
        return _Read(
            logits,
            wanted,
            base,
            marked(lambda row: row.rehearsed) if holds else None,
            marked(lambda row: row.new_task) if treats else None,
        )

    def _asks_base(self, row: Row) -> bool:
        of_target = self._target is not None and self._target.needs_base and row.new_task
        return of_target or (self._kl > 0 and row.rehearsed)

    def _losses(self, read: _Read, tokens: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Of what a pass read, in the order of `Losses`."""
        logits, wanted, base, rehearsed, target = read
        kl = anchor_kl = logits.new_zeros((), dtype=torch.float32)
        plain: torch.Tensor | slice = slice(None)
        if rehearsed is not None:
            kl = self._kl * divergence(base.at(rehearsed), logits[rehearsed]) / tokens
            if not self._learn:
                plain = ~rehearsed
        if self._target is None or target is None:
            return cross_entropy_sum(logits[plain], wanted[plain]) / tokens, kl, anchor_kl
        plain = ~target if isinstance(plain, slice) else plain & ~target
        own = logits[target], wanted[target], base.at(target)
        data = cross_entropy_sum(logits[plain], wanted[plain]) + learnt_sum(self._target, *own)
        if self._target.kl > 0:
            anchor_kl = self._target.kl * anchor_sum(self._target, *own) / tokens
        return data / tokens, kl, anchor_kl

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


def _marks(rows: Sequence[Row], chosen: Callable[[Row], bool]) -> list[bool]:
    """Of each labelled token, in the rows' order as in a batch's, whether it is one of a chosen row's."""
    return [chosen(row) for row in rows for label in row.example.labels[1:] if label != IGNORED]


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
