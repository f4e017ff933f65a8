"""The training loop: a short one on accelerate, so that one process and many run the same code."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from trainer.config import TrainSettings
from trainer.data.feed import Row
from trainer.loop import resume
from trainer.loop.diverged import diverged, find_where
from trainer.loop.processes import accelerator, same_everywhere
from trainer.loop.resume import LoggedStep, State
from trainer.methods.averaging import Average
from trainer.methods.ewc import EwcPenalty
from trainer.methods.fisher import Fisher
from trainer.methods.objective import Losses, Objective
from trainer.methods.oplora import Oplora
from trainer.methods.sam import Sam
from trainer.watching.drift import Probes, Watch


@dataclass(frozen=True, slots=True)
class Told:
    """How far the training is: `rate` in steps a second so far, from which `seconds_left` follows."""

    step: LoggedStep
    of: int
    rate: float
    seconds_left: float


class Keeper(Protocol):
    """Keeps states, and says when there have been enough steps."""

    def due(self, step: int) -> bool:
        """Whether the state is to be kept after this step."""
        ...

    def keep(self, state: State) -> None:
        """Write the state to disk. Only the main process is asked to."""
        ...

    def enough(self, step: int, model: Any) -> bool:
        """Evaluate the model as it is after this step; whether training should stop."""
        ...


class Remembers(Protocol):
    """A method of which later steps need something that earlier ones made."""

    def memory(self) -> dict[str, torch.Tensor]:
        """What that is, whole and by name."""
        ...

    def recall(self, memory: dict[str, torch.Tensor]) -> None:
        """Go on with what `memory` gave."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What takes part in a training besides model and data; each is off where it is None."""

    fisher: Fisher | None = None
    probes: Probes | None = None
    keeper: Keeper | None = None
    saved: State | None = None


class Training:
    """Trains a model's free weights in place: AdamW, linear warm-up, a constant rate, and a linear decay where asked.

    What a step sees and draws follows from the settings and the step's number alone, so a training that starts from a
    saved state goes on as if it had never stopped. Every process of a run makes the same one.
    """

    def __init__(
        self,
        model: Any,
        rows: Callable[[int], Sequence[Row]],
        padding: int,
        settings: TrainSettings,
        parts: Parts | None = None,
    ) -> None:
        parts = parts or Parts()
        self._rows, self._settings, self._keeper = rows, settings, parts.keeper
        self._accelerator = accelerator()
        lora = settings.lora
        self._oplora = Oplora(lora.keep, model) if lora.variant == "oplora" else None
        free = [weight for weight in model.parameters() if weight.requires_grad]
        optimizer = torch.optim.AdamW(free, lr=settings.learning_rate, weight_decay=0.0)
        self._model, self._optimizer = self._accelerator.prepare(model, optimizer)
        self._model.train()
        rehearsal = settings.rehearsal
        kl, learn = (rehearsal.kl, rehearsal.learn) if rehearsal else (0.0, True)
        self._objective = Objective(
            self._model,
            self._accelerator,
            padding,
            packed=settings.packing,
            kl=kl,
            learn=learn,
            target=settings.target,
        )
        self._weighs_kl = kl > 0.0
        self._weighs_anchor_kl = settings.target is not None and settings.target.kl > 0.0
        self._sam = Sam(settings.sam, self._model) if settings.sam else None
        self._ewc = (
            EwcPenalty(parts.fisher, settings.ewc.strength, self._model)
            if settings.ewc and parts.fisher
            else None
        )
        self._average: Average | None = None
        if settings.average:
            inner = self._accelerator.unwrap_model(self._model)
            self._average = Average(settings.average.last, settings.steps, inner)
        self._watch: Watch | None = None
        if settings.watch and parts.probes:
            self._watch = Watch(self._model, settings.watch, parts.probes, self._accelerator.backward)
        self.steps: list[LoggedStep] = []
        if parts.saved is not None:
            self._go_on_from(parts.saved)

    def run(self, on_step: Callable[[Told], None]) -> None:
        """Take the steps that are left. Raises TrainingDiverged with the step, the layer and the batch."""
        before, last, began = len(self.steps), self._settings.steps, time.monotonic()
        if before and self._keeper and self._keeper.due(before) and self._enough(self._keeper, before):
            return  # killed after the state was kept, before it was evaluated or the last steps were left out
        for number in range(before + 1, last + 1):
            self.steps.append(self.step(number))
            rate = (number - before) / (time.monotonic() - began)
            on_step(Told(self.steps[-1], last, rate, (last - number) / rate))
            if self._keeper is not None and self._keeper.due(number):
                self._keep(self._keeper)
                if self._enough(self._keeper, number):
                    return

    def step(self, number: int) -> LoggedStep:
        """Take the step with this number, counted from 1. Raises TrainingDiverged as `run`."""
        rows = self._rows(number)
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate(number, self._settings)
        losses = self._backward(rows, number)
        penalty = self._methods(rows, number)
        if self._watch is not None:
            self._watch.before_update()
        norm = self._accelerator.clip_grad_norm_(self._model.parameters(), self._settings.max_grad_norm)
        self._require_finite("the gradient's norm", float(norm), rows, number)
        self._optimizer.step()
        self._optimizer.zero_grad()
        if self._oplora is not None:
            self._oplora.project_weights()
        if self._average is not None:
            self._average.after_update(number)
        seen = self._watch.after_update(number) if self._watch is not None else []
        away = tuple(f"{row.layer} ({row.runs_away})" for row in seen if row.runs_away)
        return LoggedStep(
            step=number,
            loss=losses.data,
            gradient_norm=float(norm),
            kl=losses.kl if self._weighs_kl else None,
            anchor_kl=losses.anchor_kl if self._weighs_anchor_kl else None,
            ewc=penalty,
            runs_away=away,
        )

    def _backward(self, rows: Sequence[Row], number: int) -> Losses:
        """The step's losses, with their gradient in `.grad`; for watching, the new task's rows come first."""
        watch = self._watch if self._watch is not None and self._watch.due(number) else None
        tokens, losses = self._objective.tokens(rows), Losses(0.0, 0.0)
        for part in _apart(rows) if watch else [rows]:
            self._seed(number)
            losses = losses.plus(self._objective.backward(part, tokens))
            self._require_finite("the loss", losses.total, rows, number)
            if watch and part[0].new_task:
                watch.new_task(number)
        return losses

    def _methods(self, rows: Sequence[Row], number: int) -> float | None:
        """What the methods make of the gradient; the EWC penalty, where there is one.

        With oplora, SAM climbs within the subspace too, and no other method's gradient leads out of it.
        """

        def again() -> None:
            self._plainly(rows, number)
            self._project()

        self._project()
        if self._sam is not None:
            self._sam.sharpen(number, again)
        if self._ewc is None:
            return None
        penalty = self._ewc.after_backward()
        self._project()
        return penalty

    def _project(self) -> None:
        if self._oplora is not None:
            self._oplora.project_gradients()

    def _plainly(self, rows: Sequence[Row], number: int) -> None:
        self._seed(number)
        self._objective.backward(rows, self._objective.tokens(rows))

    def _seed(self, number: int) -> None:
        """Whatever a forward pass draws (dropout) depends on the step, not on the steps before it."""
        own = self._accelerator.process_index
        torch.manual_seed((self._settings.seed * 1_000_003 + number * 1_009 + own) % (1 << 63))

    def _require_finite(self, what: str, value: float, rows: Sequence[Row], number: int) -> None:
        if math.isfinite(value):
            return

        def again() -> None:
            self._optimizer.zero_grad()
            self._plainly(rows, number)
            self._methods(rows, number)

        where = find_where(self._model, again)
        batch = [str(row) for row in rows]
        raise diverged(
            f"{what} became {value}", number, self._settings.steps, where, batch, self._settings.learning_rate
        )

    def _keep(self, keeper: Keeper) -> None:
        state = self.state()
        if self._accelerator.is_main_process:
            keeper.keep(state)

    def _enough(self, keeper: Keeper, number: int) -> bool:
        """Evaluate the model as it would ship; whether to stop, as the main process says for all."""
        with self._average.applied() if self._average is not None else nullcontext():
            return same_everywhere(keeper.enough(number, self._accelerator.unwrap_model(self._model)))

    def state(self) -> State:
        """All that the next steps depend on. Every process has to ask; the main one's answer counts."""
        weights, moments = resume.collect(self._model, self._optimizer.optimizer)
        watched = tuple(self._watch.log) if self._watch is not None else ()
        methods = {
            f"{kind}{name}": value
            for kind, method in self._remembering()
            for name, value in method.memory().items()
        }
        return State(len(self.steps), weights, moments, methods, tuple(self.steps), watched)

    def _go_on_from(self, saved: State) -> None:
        resume.put_back(self._model, self._optimizer.optimizer, saved)
        self.steps = list(saved.steps)
        if self._watch is not None:
            self._watch.restore(saved.watched)
        for kind, method in self._remembering():
            mine = {k.removeprefix(kind): v for k, v in saved.methods.items() if k.startswith(kind)}
            method.recall(mine)

    def _remembering(self) -> list[tuple[str, Remembers]]:
        """The methods whose steps depend on those before, with what precedes their tensors' names in a state."""
        every = (("sam/", self._sam), ("ewc/", self._ewc), (resume.AVERAGE, self._average))
        return [(kind, method) for kind, method in every if method is not None]


@contextmanager
def prepared_torch(settings: TrainSettings) -> Iterator[None]:
    """Seed and number of threads; denormals are flushed to zero while the block runs, and only then.

    On CPUs they make steps several times slower once the loss nears zero; it is nothing to a GPU. The switch is the
    thread's: left on, it would change the arithmetic of whatever this process computes afterwards, evidence included.
    """
    torch.manual_seed(settings.seed)
    use_threads(settings)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def use_threads(settings: TrainSettings) -> None:
    """Compute with as many threads as the settings say: with another number sums are rounded otherwise."""
    torch.set_num_threads(settings.threads or os.cpu_count() or 1)


def learning_rate(number: int, settings: TrainSettings) -> float:
    """The rate of step `number` of 1 ... `settings.steps`: trapezoidal, as `TrainSettings` describes it.

    Warm-up: 1/(w+1), 2/(w+1), ... of the full rate over w steps; decay: d/(d+1), ..., 1/(d+1) over the last d.
    """
    decaying = round(settings.decay * settings.steps)
    rising = number / (settings.warmup_steps + 1)
    falling = (settings.steps - number + 1) / (decaying + 1)
    return settings.learning_rate * min(1.0, rising, falling)


def _apart(rows: Sequence[Row]) -> list[list[Row]]:
    """The rows of the new task and those of what should be retained; either may be absent."""
    both = [row for row in rows if row.new_task], [row for row in rows if not row.new_task]
    return [part for part in both if part]
