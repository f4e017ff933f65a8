"""Where a candidate is made: the steps of the pipeline that need torch. Read `trainer.pipeline` first."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from transformers import AutoTokenizer

from evaluator.briefs.brief import LoadedBrief
from evaluator.judge.judges.judge import Judge
from serving.models.manifest import Manifest
from serving.progress import Report
from telemetry.errors import SettingsError
from trainer.config import RehearsalSettings, TrainSettings
from trainer.data.encoding import Example
from trainer.data.feed import encode_data, used
from trainer.data.reading import Data, named_by_content
from trainer.loop.fit import Fitted, Keeping, Stock, fit
from trainer.loop.keeping import Evaluate
from trainer.loop.place import Place
from trainer.loop.processes import accelerator, is_main, same_everywhere
from trainer.loop.sweep import run_sweep
from trainer.loop.train import Told, use_threads
from trainer.merging.search import search
from trainer.merging.writing import interpolate
from trainer.methods import lora
from trainer.rehearsing.base_answers import asking, in_process, remembered, remembered_conversations
from trainer.rehearsing.rehearsal import Rehearsal, rehearse_for
from trainer.reporting.page import write_page
from trainer.scoring.checkpoints import Evaluation
from trainer.scoring.records import Merge, Record, Sweep
from trainer.scoring.suite import Suite
from trainer.watching.drift import Probes, choose_probes, encode_probes
from trainer.watching.trackers import Trackers
from trainer.watching.watch_log import write_rows

_TRACKED: Final = ("loss", "gradient_norm", "kl", "ewc")
_PACKAGES: Final = ("torch", "transformers", "peft", "accelerate")


class Workshop:
    """Base, data and brief of one run, and what is made of them. Base is loaded only where it has to answer.

    `stock` is what its trainings share.
    """

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
        self._settings, self._base, self._loaded, self._data = settings, base, loaded, data
        self._place, self._report = place, report
        use_threads(settings)
        self._tokenizer = AutoTokenizer.from_pretrained(str(settings.base))
        self._rehearsal = self._rehearse(settings)
        rehearsed = self._rehearsal.sources if self._rehearsal is not None else ()
        self._encoded = encode_data((*data.sources, *rehearsed), self._tokenizer, settings.max_length)
        self.stock = Stock(
            base_sha256=base.sha256,
            sources=self._encoded.sources,
            padding=self._tokenizer.pad_token_id or 0,
            probes=self._probes(),
            notice=notice,
            only_measured=self._only_measured(),
        )

    def sweep(self) -> Sweep | None:
        """Every learning rate and number of steps that the settings name; None where they name none."""
        settings = self._settings
        if settings.sweep is None or self._loaded is None:
            return None
        suite = self._suite(settings.sweep.items, only=(self._loaded.brief.target.name,))
        folder = self._place.folder / "sweep"
        evaluate = self._evaluate(suite)
        return run_sweep(
            settings, settings.sweep, self.stock, evaluate, folder, self._place.recipe, self._report
        )

    def train(self, settings: TrainSettings) -> Fitted:
        """Train, and evaluate each checkpoint where there are any; the settings' trackers are told of both."""
        names = settings.track if is_main() else ()
        with closing(Trackers(names, self._place.root / "tracked", settings.name)) as trackers:

            def tell(told: Told) -> None:
                step = told.step
                alarm = f", runs away: {', '.join(step.runs_away)}" if step.runs_away else ""
                note = f"loss {step.loss:.3f}, {told.rate:.2f} steps/s{alarm}"
                self._report(step.step, told.of, note)
                trackers.log(step.step, {name: getattr(step, name) for name in _TRACKED})

            return fit(settings, self.stock, tell, self._keeping(settings, trackers))

    def merge(self, fitted: Fitted, folder: Path) -> Merge:
        """Write the adapter and the merged model, at the weights that the search chose, into `folder`."""
        self._report(fitted.step, self._settings.steps, "merging")
        lora.save_adapter(fitted.model, folder / "adapter", self._base.sha256)
        return self.merge_adapter(folder / "adapter", fitted.step, folder)

    def merge_adapter(self, adapter: Path, step: int, folder: Path) -> Merge:
        """Write the merged model of an adapter that was saved after `step`, as `merge` does, into `folder`."""
        settings, merge = self._settings, self._settings.merge
        chosen = Merge(method=merge.method, weights=merge.weights)
        if len(merge.weights) > 1:
            evaluate = self._evaluate(self._suite(merge.items, alone=True))
            self._place.folder.mkdir(parents=True, exist_ok=True)
            chosen = search(settings, adapter, self._place.folder, lambda model: evaluate(step, model))
        interpolate(settings.base, adapter, folder, chosen.method, chosen.weights)
        return chosen

    def record(
        self, settings: TrainSettings, sweep: Sweep | None, fitted: Fitted, merge: Merge, folder: Path
    ) -> Record:
        """Write what came of it into `folder`: each step, each layer, the record, and the page with pictures."""
        report = self._data.report
        record = Record(
            sources=used(self._encoded, self.stock.feed(settings), len(fitted.steps)),
            learning_rate=settings.learning_rate,
            steps=len(fitted.steps),
            checkpoint=fitted.step,
            alarms=tuple(f"step {s.step}: {', '.join(s.runs_away)}" for s in fitted.steps if s.runs_away),
            fisher_sha256=fitted.fisher_sha256,
            rehearsal=self._rehearsal.to_json() if self._rehearsal is not None else None,
            decontamination=report.to_json() if report is not None else None,
            evaluations=fitted.evaluations,
            sweep=sweep,
            merge=merge,
            versions={name: version(name) for name in _PACKAGES},
        )
        (folder / "training.json").write_bytes(record.content)
        rows = [json.dumps(step.model_dump(exclude_defaults=True)) for step in fitted.steps]
        (folder / "training.jsonl").write_text("\n".join([*rows, ""]), encoding="utf-8")
        if fitted.watched:
            write_rows(folder / "watch.parquet", fitted.watched)
        decisive = named_by_content(self._settings, self._loaded)
        write_page(folder, settings.name, self._base.sha256, decisive, record, fitted.steps, fitted.watched)
        first, last = fitted.steps[0].loss, fitted.steps[-1].loss
        self._report(settings.steps, settings.steps, f"trained, loss {first:.2f} to {last:.2f}")
        return record

    def _only_measured(self) -> tuple[Example, ...]:
        """Base's answers to the brief's exemplars, for a method that needs retention data where none are replayed."""
        settings = self._settings
        needed = settings.ewc is not None or settings.lora.variant == "corda"
        if not needed or self._loaded is None or any(not s.new_task for s in self._encoded.sources):
            return ()
        found = self._rehearse(
            settings.model_copy(update={"rehearsal": RehearsalSettings(max_new_tokens=32)})
        )
        sources = found.sources if found is not None else ()
        encoded = encode_data(sources, self._tokenizer, settings.max_length)
        return tuple(example for source in encoded.sources for example in source.examples)

    def _rehearse(self, settings: TrainSettings) -> Rehearsal | None:
        def told(done: int, total: int, note: str) -> None:
            self._report(done, total, f"base answers what is to be kept, {note}")

        base = remembered_conversations(
            lambda: asking(self._model, self._tokenizer, told),
            self._place.answers,
            self._base.sha256,
            self._settings.dtype,
        )
        with accelerator().main_process_first():
            found = rehearse_for(settings, self._loaded, base)
        self._forget_model()
        return found

    def _keeping(self, settings: TrainSettings, trackers: Trackers) -> Keeping | None:
        asked = settings.checkpoints
        if asked is None:
            return None
        ask = self._evaluate(self._suite(asked.items)) if asked.items else None

        def evaluate(step: int, model: Any) -> Evaluation:
            assert ask is not None, "a suite without items is not asked"  # noqa: S101 -- for mypy
            found = ask(step, model)
            trackers.log(step, {"target": found.target, "retention": found.retention})
            return found

        at = {*range(asked.every, settings.steps + 1, asked.every), settings.steps}
        recipe = f"{self._place.recipe} {settings.learning_rate!r} {settings.steps}"  # the sweep may have changed them
        return Keeping(self._place.folder, recipe, at, evaluate if ask else None, asked.patience)

    def _suite(self, items: int, only: Sequence[str] = (), *, alone: bool = False) -> Suite:
        """Asked of base first: by the main process, whose answers the others read. `alone` when they have ended."""
        loaded = _given(self._loaded)
        prompt = loaded.brief.system_prompt
        base = remembered(
            lambda: in_process(self._model, self._tokenizer, prompt, self._report),
            self._place.answers,
            self._base.sha256,
            self._settings.dtype,
            prompt,
        )
        with nullcontext() if alone else accelerator().main_process_first():
            suite = Suite(
                loaded,
                Judge(loaded),
                base,
                items,
                self._settings.seed,
                only=only,
                trained_on=self._encoded.prompts,
            )
        self._forget_model()
        return suite

    def _evaluate(self, suite: Suite) -> Evaluate:
        prompt = _given(self._loaded).brief.system_prompt

        def evaluate(step: int, model: Any) -> Evaluation:
            def told(asked: int, _total: int, note: str) -> None:
                self._report(step, self._settings.steps, f"{note}: {asked} items")

            return same_everywhere(suite.evaluate(step, in_process(model, self._tokenizer, prompt), told))

        return evaluate

    @cached_property
    def _model(self) -> Any:
        """Base, in memory from when it first has to answer."""
        model = lora.load_base(self._settings.base, self._settings.dtype)
        return model.to(accelerator().device)

    def _forget_model(self) -> None:
        """No second model beside the one in training."""
        self.__dict__.pop("_model", None)

    def _probes(self) -> Probes | None:
        watch = self._settings.watch
        if watch is None:
            return None
        capabilities = self._loaded.brief.capabilities if self._loaded is not None else ()
        adjacent = [c.exemplars for c in capabilities if c.role == "adjacent"]
        return encode_probes(choose_probes(adjacent, watch.probes), self._tokenizer)


def _given(loaded: LoadedBrief | None) -> LoadedBrief:
    if loaded is None:
        raise SettingsError("asking the capability suite needs the capability brief; give 'brief'")
    return loaded
