"""One training of which everybody is told: the progress report, and the trackers that the settings name."""

from __future__ import annotations

from contextlib import closing
from typing import Any, Final

from serving.progress import Report
from trainer.config import TrainSettings
from trainer.loop.evaluating import Evaluating
from trainer.loop.fit import Fitted, Keeping, fit
from trainer.loop.keeping import Evaluate
from trainer.loop.place import Place
from trainer.loop.processes import is_main
from trainer.loop.stock import Stock
from trainer.loop.train import Told
from trainer.scoring.checkpoints import Evaluation
from trainer.watching.trackers import Trackers

_TRACKED: Final = ("loss", "gradient_norm", "kl", "anchor_kl", "ewc")


def fit_tracked(
    settings: TrainSettings, stock: Stock, place: Place, evaluating: Evaluating, report: Report
) -> Fitted:
    """Train, and evaluate each checkpoint where there are any; the settings' trackers are told of both."""
    names = settings.track if is_main() else ()
    with closing(Trackers(names, place.root / "tracked", settings.name)) as trackers:

        def tell(told: Told) -> None:
            step = told.step
            alarm = f", runs away: {', '.join(step.runs_away)}" if step.runs_away else ""
            report(step.step, told.of, f"loss {step.loss:.3f}, {told.rate:.2f} steps/s{alarm}")
            pace = {"steps": told.of, "steps_per_second": told.rate, "seconds_left": told.seconds_left}
            trackers.log(step.step, {name: getattr(step, name) for name in _TRACKED} | pace)

        return fit(settings, stock, tell, _keeping(settings, place, evaluating, trackers))


def _keeping(
    settings: TrainSettings, place: Place, evaluating: Evaluating, trackers: Trackers
) -> Keeping | None:
    """Which steps are kept, and how they are evaluated; the last one always is."""
    asked = settings.checkpoints
    if asked is None:
        return None
    at = {*range(asked.every, settings.steps + 1, asked.every), settings.steps}
    recipe = f"{place.recipe} {settings.learning_rate!r} {settings.steps}"  # the sweep may have changed them
    evaluate = _tracked(evaluating.on_checkpoints(asked), trackers) if asked.items else None
    return Keeping(place.folder, recipe, at, evaluate, asked.patience, asked.most_kl)


def _tracked(evaluate: Evaluate, trackers: Trackers) -> Evaluate:
    def evaluated(step: int, model: Any) -> Evaluation:
        found = evaluate(step, model)
        trackers.log(step, {"target": found.target, "retention": found.retention, "target_kl": found.kl})
        return found

    return evaluated
