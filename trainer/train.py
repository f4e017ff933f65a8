"""The training loop: a short one on accelerate, so that one process and many run the same code."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from torch.nn import functional
from torch.utils.data import DataLoader

from telemetry.errors import BelayError
from trainer.config import TrainSettings
from trainer.data import IGNORED, Example, pad, plan_batches

Batch = dict[str, torch.Tensor]


class TrainingDiverged(BelayError):
    """The loss is no number any more."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Step:
    """One optimiser step: mean loss over the assistant's tokens, gradient norm before clipping.

    `rate` is in steps a second so far; `seconds_left` follows from it.
    """

    number: int
    of: int
    loss: float
    gradient_norm: float
    rate: float
    seconds_left: float


@contextmanager
def prepared_torch(settings: TrainSettings) -> Iterator[None]:
    """Seed and number of threads; denormals are flushed to zero while the block runs, and only then.

    On CPUs they make steps several times slower once the loss nears zero. The switch is the thread's: left
    on, it would change the arithmetic of whatever this process computes afterwards, evidence included.
    """
    torch.manual_seed(settings.seed)
    torch.set_num_threads(settings.threads or os.cpu_count() or 1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def train(
    model: Any,
    examples: Sequence[Example],
    padding: int,
    settings: TrainSettings,
    on_step: Callable[[Step], None],
) -> list[Step]:
    """Train the model's free weights in place; what every step saw.

    AdamW, linear warm-up, then a constant rate. Raises TrainingDiverged, with the step, where the loss is
    infinite or not a number.
    """
    accelerator = Accelerator(cpu=not torch.cuda.is_available())
    free = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(free, lr=settings.learning_rate, weight_decay=0.0)
    plan = plan_batches(len(examples), settings.batch_size, settings.steps, settings.seed)
    loader: Any = DataLoader(
        list(examples),  # type: ignore[arg-type]  # anything with length and index will do
        batch_sampler=plan,
        collate_fn=lambda chosen: _tensors(chosen, padding),
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: warmup(step, settings.warmup_steps))
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    model.train()
    done: list[Step] = []
    started = time.monotonic()
    for number, batch in enumerate(loader, start=1):
        loss = completion_loss(model, batch)
        value = _finite(loss.item(), number, settings)
        accelerator.backward(loss)
        norm = accelerator.clip_grad_norm_(free, settings.max_grad_norm)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        rate = number / (time.monotonic() - started)
        left_s = (settings.steps - number) / rate
        done.append(Step(number, settings.steps, value, float(norm or 0.0), rate, left_s))
        on_step(done[-1])
    return done


def completion_loss(model: Any, batch: Batch) -> torch.Tensor:
    """Mean cross entropy over the assistant's tokens.

    The vocabulary's logits are a fifth of the work, so they are computed only from the first labelled
    position of the batch on.
    """
    labels = batch["labels"][:, 1:]
    first = int((labels != IGNORED).any(dim=0).int().argmax())
    kept = labels.shape[1] - first
    logits = model(
        input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], logits_to_keep=kept + 1
    ).logits[:, :-1]
    wanted = labels[:, first:]
    counted = wanted != IGNORED
    return functional.cross_entropy(logits[counted].float(), wanted[counted])


def warmup(step: int, steps: int) -> float:
    """The factor on the learning rate in step 0, 1, ...: 1/(steps+1), 2/(steps+1), ..., 1, 1, ..."""
    return min(1.0, (step + 1) / (steps + 1))


def _tensors(examples: Sequence[Example], padding: int) -> Batch:
    tokens, mask, labels = pad(examples, padding)
    return {
        "input_ids": torch.tensor(tokens),
        "attention_mask": torch.tensor(mask),
        "labels": torch.tensor(labels),
    }


def _finite(loss: float, number: int, settings: TrainSettings) -> float:
    if not math.isfinite(loss):
        raise TrainingDiverged(
            f"the loss became {loss} in step {number} of {settings.steps}",
            hint=f"Lower learning_rate (it is {settings.learning_rate:g}).",
        )
    return loss
