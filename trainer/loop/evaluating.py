"""The capability suite on the way: base is asked first, then the model in training, as it stands after a step."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from evaluator.briefs.brief import LoadedBrief
from evaluator.judge.judges.judge import Judge
from serving.progress import Report
from telemetry.errors import SettingsError
from trainer.config import CheckpointSettings, TrainSettings
from trainer.data.feed import Encoded
from trainer.loop.keeping import Evaluate
from trainer.loop.processes import accelerator, same_everywhere
from trainer.loop.target_kl import TargetKl
from trainer.rehearsing.base_answers import in_process
from trainer.rehearsing.lazy_base import LazyBase
from trainer.scoring.checkpoints import Evaluation
from trainer.scoring.suite import Suite, target_prompts


@dataclass(frozen=True, slots=True)
class Evaluating:
    """What asking the capability suite takes. Prompts that are among the `encoded` are not asked."""

    settings: TrainSettings
    loaded: LoadedBrief | None
    base: LazyBase
    encoded: Encoded
    report: Report

    def on(self, items: int, only: Sequence[str] = (), *, alone: bool = False) -> Evaluate:
        """Ask base at most `items` items a capability, and return what asks a model the same.

        The main process asks base, and the others read its answers; `alone` is for when they have ended. Base is
        forgotten then. Raises SettingsError without a brief, and BriefError as `tuning_items`.
        """
        if self.loaded is None:
            raise SettingsError("asking the capability suite needs the capability brief; give 'brief'")
        prompt, tokenizer = self.loaded.brief.system_prompt, self.base.tokenizer
        suite = self._suite(self.loaded, items, only, alone=alone)

        def evaluate(step: int, model: Any) -> Evaluation:
            def told(asked: int, _total: int, note: str) -> None:
                self.report(step, self.settings.steps, f"{note}: {asked} items")

            return same_everywhere(suite.evaluate(step, in_process(model, tokenizer, prompt), told))

        return evaluate

    def on_checkpoints(self, asked: CheckpointSettings) -> Evaluate:
        """As `on`, with the KL of the model in training from the base under its adapter, where it has one there."""
        evaluate, measured = self.on(asked.items), self._target_kl(asked.kl_prompts)

        def both(step: int, model: Any) -> Evaluation:
            found = evaluate(step, model)
            if measured is None:
                return found
            kl = same_everywhere(measured.of(model))
            self.report(step, self.settings.steps, f"KL from base {kl:.3f} nats a token at step {step}")
            return found.model_copy(update={"kl": kl})

        return both

    def _target_kl(self, most: int) -> TargetKl | None:
        """None for osf, which trains base's own weights: base is not to be had from it."""
        if self.loaded is None or self.settings.lora.variant == "osf":
            return None
        brief = self.loaded.brief
        prompts = target_prompts(self.loaded, most, self.settings.seed, self.encoded.prompts)
        return TargetKl.about(prompts, brief.system_prompt, brief.target.max_tokens, self.base.tokenizer)

    def _suite(self, loaded: LoadedBrief, items: int, only: Sequence[str], *, alone: bool) -> Suite:
        with nullcontext() if alone else accelerator().main_process_first():
            suite = Suite(
                loaded,
                Judge(loaded),
                self.base.questions(loaded.brief.system_prompt, self.report),
                items,
                self.settings.seed,
                only=only,
                trained_on=self.encoded.prompts,
            )
        self.base.forget()
        return suite
