"""The sweep: every learning rate with every number of steps, scored on the target's tuning items.

An untuned baseline proves nothing. Where the rate is constant after the warm-up, one training with the most steps
passes through all smaller numbers of steps: what it is after 20 of 60 steps is what 20 steps alone would have made.
With a decay, or with averaging over the last part, each number of steps is a training of its own. A sweep that was
killed goes on: each of its trainings does, and what was scored is not asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from serving.progress import Report
from trainer.config import SweepSettings, TrainSettings
from trainer.loop.diverged import TrainingDiverged
from trainer.loop.fit import Keeping, fit
from trainer.loop.keeping import Evaluate
from trainer.loop.stock import Stock
from trainer.loop.train import Told
from trainer.scoring.records import Sweep, SweepRow


def run_sweep(
    settings: TrainSettings,
    sweep: SweepSettings,
    stock: Stock,
    evaluate: Evaluate,
    folder: Path,
    recipe: str,
    report: Report,
) -> Sweep:
    """Train with each learning rate and score the target at each number of steps. Raises DiskFull.

    A rate with which the loss becomes no number is out, and says so.
    """
    rows: list[SweepRow] = []
    trainings = [(rate, steps) for rate in sweep.learning_rates for steps in _together(sweep, settings)]
    total, before = sum(max(steps) for _, steps in trainings), 0
    for rate, steps in trainings:
        of = max(steps)
        tried = settings.model_copy(update={"learning_rate": rate, "steps": of})
        keeping = Keeping(folder / f"rate-{rate:g}-{of}", f"{recipe} sweep {rate!r} {of}", steps, evaluate)

        def tell(told: Told, before: int = before, rate: float = rate) -> None:
            note = f"sweep: rate {rate:g}, loss {told.step.loss:.3f}, {told.rate:.2f} steps/s"
            report(before + told.step.step, total, note)

        rows += _rows(tried, steps, stock, keeping, tell)
        before += of
    chosen = choose(rows)
    return Sweep(rows=tuple(rows), learning_rate=chosen.learning_rate, steps=chosen.steps)


def _together(sweep: SweepSettings, settings: TrainSettings) -> list[tuple[int, ...]]:
    """Numbers of steps that one training passes through."""
    by_their_end = settings.decay > 0.0 or settings.average is not None
    return [(steps,) for steps in sorted(set(sweep.steps))] if by_their_end else [sweep.steps]


def choose(rows: Sequence[SweepRow]) -> SweepRow:
    """The best target; of equal ones the fewest steps, then the lowest rate, since both drift less from base.

    Raises TrainingDiverged where every rate diverged.
    """
    scored = [row for row in rows if row.target is not None]
    if not scored:
        raise TrainingDiverged(
            "the loss became no number with every learning rate of the sweep",
            hint=f"Try lower ones than {min(row.learning_rate for row in rows):g}.",
        )
    return min(scored, key=lambda row: (-(row.target or 0.0), row.steps, row.learning_rate))


def _rows(
    settings: TrainSettings,
    steps: Sequence[int],
    stock: Stock,
    keeping: Keeping,
    tell: Callable[[Told], None],
) -> list[SweepRow]:
    try:
        fitted = fit(settings, stock, tell, keeping)
    except TrainingDiverged as error:
        return [
            SweepRow(learning_rate=settings.learning_rate, steps=number, note=error.message)
            for number in sorted(steps)
        ]
    target = {e.step: e.capabilities[0] for e in fitted.evaluations}
    loss = {step.step: step.loss for step in fitted.steps}
    return [
        SweepRow(
            learning_rate=settings.learning_rate,
            steps=number,
            target=target[number].candidate,
            base=target[number].base,
            loss=loss[number],
        )
        for number in sorted(set(steps))
    ]
