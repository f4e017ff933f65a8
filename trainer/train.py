"""The training loop: seeded, watched, and stopped where the loss is no number."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from transformers import get_linear_schedule_with_warmup

from telemetry.errors import BelayError
from trainer.config import TrainSettings
from trainer.data import TrainingSet, batches, collate


class TrainingDiverged(BelayError):
    """The loss became NaN or infinite."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Step:
    """One optimiser step: mean loss over the batch's assistant tokens, gradient norm before clipping."""

    number: int
    loss: float
    gradient_norm: float


def train_adapter(
    model: Any, data: TrainingSet, settings: TrainSettings, pad: int, on_step: Callable[[Step], None]
) -> None:
    """Train the adapter in place. Raises TrainingDiverged with the step whose loss is no number."""
    set_seed(settings.seed)
    # Denormals make CPU steps several times slower once the loss nears zero.
    torch.set_flush_denormal(True)
    accelerator = Accelerator()
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser: Any = torch.optim.AdamW(learned, lr=settings.learning_rate, weight_decay=0.0)
    schedule = get_linear_schedule_with_warmup(optimiser, settings.warmup_steps, settings.steps)
    model, optimiser, schedule = accelerator.prepare(model, optimiser, schedule)
    model.train()
    stream = batches(data.examples, settings.batch_size, settings.seed)
    for number in range(1, settings.steps + 1):
        batch = {name: t.to(accelerator.device) for name, t in collate(next(stream), pad).items()}
        loss = model(**batch).loss
        if not math.isfinite(value := float(loss.detach())):
            raise TrainingDiverged(
                f"the loss became {value} at step {number} of {settings.steps}",
                hint=f"Lower learning_rate (it is {settings.learning_rate:g}) or look at the data of that step.",
            )
        accelerator.backward(loss)
        norm = accelerator.clip_grad_norm_(learned, settings.max_gradient_norm)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
        on_step(Step(number, value, float(norm) if norm is not None else 0.0))
