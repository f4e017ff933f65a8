"""Where a candidate is made: the steps of the pipeline that need torch, each a line. Read `trainer.pipeline` first."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from evaluator.briefs.brief import LoadedBrief
from serving.models.manifest import Manifest
from serving.progress import Report
from trainer.config import TrainSettings
from trainer.data.reading import Data, named_by_content
from trainer.loop.evaluating import Evaluating
from trainer.loop.fit import Fitted
from trainer.loop.place import Place
from trainer.loop.processes import accelerator
from trainer.loop.stock import stock_of
from trainer.loop.sweep import run_sweep
from trainer.loop.tracked import fit_tracked
from trainer.loop.train import use_threads
from trainer.merging.search import merge_searched
from trainer.methods import lora
from trainer.methods.devices import dtype_on, release
from trainer.rehearsing.lazy_base import LazyBase
from trainer.reporting.page import write_page
from trainer.reporting.record import record_of, write_record
from trainer.scoring.records import Merge, Record, Sweep


class Workshop:
    """One run's `stock`, and what is made of it. Base is loaded only where it has to answer."""

    def __init__(
        self,
        settings: TrainSettings,
        base: Manifest,
        loaded: LoadedBrief | None,
        data: Data,
        place: Place,
        report: Report,
        notice: Callable[[str], None],
    ) -> None:
        self._settings, self._base_sha256, self._loaded, self._data = settings, base.sha256, loaded, data
        self._place, self._report, self._notice = place, report, notice
        use_threads(settings)
        device = accelerator().device
        if dtype_on(settings.dtype, device) != settings.dtype:
            notice(f"this GPU has no {settings.dtype}: base's weights are float32 while training")
        asked = LazyBase(settings.base, base.sha256, settings.dtype, device, place.answers)
        self.stock = stock_of(settings, loaded, data, asked, report, notice)
        self._evaluating = Evaluating(settings, loaded, asked, self.stock.encoded, report)

    def sweep(self) -> Sweep | None:
        """Every learning rate and number of steps that the settings name; None where they name none."""
        settings, place = self._settings, self._place
        if settings.sweep is None or self._loaded is None:
            return None
        evaluate = self._evaluating.on(settings.sweep.items, only=(self._loaded.brief.target.name,))
        folder = place.folder / "sweep"
        return run_sweep(settings, settings.sweep, self.stock, evaluate, folder, place.recipe, self._report)

    def train(self, settings: TrainSettings) -> Fitted:
        """Train with what the sweep took, and evaluate each checkpoint where there are any."""
        return fit_tracked(settings, self.stock, self._place, self._evaluating, self._report)

    def merge(self, fitted: Fitted, folder: Path) -> Merge:
        """Write the adapter and the merged model, at the weights that the search chose, into `folder`."""
        self._report(fitted.step, self._settings.steps, "merging")
        lora.save_adapter(fitted.model, folder / "adapter", self._base_sha256)
        if self._settings.merge.prune is not None:
            self._notice(
                "the adapter in adapter/ is not pruned: serve the merged model, which is what is audited"
            )
        return self.merge_adapter(folder / "adapter", fitted.step, folder)

    def merge_adapter(self, adapter: Path, step: int, folder: Path) -> Merge:
        """Write the merged model of an adapter that was saved after `step`, as `merge` does, into `folder`."""
        return merge_searched(
            self._settings,
            adapter,
            folder,
            self._place.folder,
            lambda: partial(self._evaluating.on(self._settings.merge.items, alone=True), step),
        )

    def record(
        self, settings: TrainSettings, sweep: Sweep | None, fitted: Fitted, merge: Merge, folder: Path
    ) -> Record:
        """Write what came of it into `folder`: each step, each layer, the record, and the page with pictures."""
        record = record_of(settings, self.stock, self._data.report, sweep, fitted, merge)
        write_record(folder, record, fitted)
        decisive = named_by_content(self._settings, self._loaded)
        write_page(folder, settings.name, self._base_sha256, decisive, record, fitted.steps, fitted.watched)
        first, last = fitted.steps[0].loss, fitted.steps[-1].loss
        self._report(settings.steps, settings.steps, f"trained, loss {first:.2f} to {last:.2f}")
        return record

    def leave(self) -> None:
        """Leave the GPU to others, once no model of this run is needed any more."""
        release()
