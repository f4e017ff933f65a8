"""Trains what bench/retention.py compares, by the product's own pipeline, and keeps what each model scored.

A result lies in the cache under the hash of all that it depends on, so a benchmark that is interrupted goes on.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _shape import say

from _retention.data import COT, DATA, TRAFFIC, choices, write_brief
from _retention.suite import Scores, score
from _retention.targets import INTENTS, Target
from evaluator.briefs.brief import LoadedBrief, load_brief
from serving.models.base_model import prepare_base_model
from serving.models.manifest import attest
from serving.progress import silent
from telemetry.files import write_renamed
from trainer.config import (
    EwcSettings,
    MergeSettings,
    RehearsalSettings,
    SamSettings,
    SourceSettings,
    SweepSettings,
    TrainSettings,
)
from trainer.data.reading import read_data
from trainer.loop.place import Place

CACHE = Path(os.environ.get("BELAY_BENCH_CACHE") or Path.home() / ".cache" / "belay-bench") / "retention"
EWC_STRENGTH = 1e5
_DECAY = 0.6
_LADDER = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@dataclass(frozen=True, slots=True)
class Size:
    """How large a benchmark is: items of each capability to tune on and to test with, training messages, seeds.

    `shorter` divides the tuned number of steps: plain LoRA is tested after those too. `prompts` of each capability are
    answered by base, of its exemplars and of its traffic; None is all that there are.
    """

    tuning: int
    testing: int
    learnt: int
    steps: int
    seeds: tuple[int, ...]
    shorter: tuple[int, ...]
    prompts: int | None = None


@dataclass(frozen=True, slots=True)
class Tuned:
    """The learning rate and number of steps that the sweep of plain LoRA took."""

    learning_rate: float
    steps: int


class Lab:
    """Base, brief and test items, made once. `more` scores a model on what else is asked; `asked` names that."""

    def __init__(
        self,
        size: Size,
        target: Target = INTENTS,
        more: Callable[[Any], Scores] | None = None,
        asked: str = "",
    ) -> None:
        import torch  # noqa: PLC0415 - the help text needs it not
        from transformers import AutoTokenizer  # noqa: PLC0415 - as above

        torch.set_num_threads(_cores())
        self.size, self.target, self._more, self._asked = size, target, more, asked
        self.base = prepare_base_model(CACHE / "base")
        self.folder = CACHE / f"{target.name}-{size.tuning}-{size.testing}-{size.learnt}"
        self.loaded: LoadedBrief = load_brief(
            write_brief(self.folder, size.tuning, size.testing, size.learnt, size.prompts, target)
        )
        self.choices = choices(2 * size.testing)
        self.tokenizer: Any = AutoTokenizer.from_pretrained(str(self.base))

    def settings(self, name: str, tuned: Tuned, seed: int, **changed: Any) -> TrainSettings:
        """Plain LoRA as the sweep tuned it, with what `changed` adds."""
        plain = TrainSettings(
            base=self.base,
            data=self.folder / "train.jsonl",
            brief=self.folder / "brief.yaml",
            output=CACHE / "models" / f"{name}-{seed}",
            name=f"{name}-{seed}",
            learning_rate=tuned.learning_rate,
            steps=tuned.steps,
            seed=seed,
            threads=_cores(),
        )
        return TrainSettings.model_validate({**plain.model_dump(), **changed})

    def variants(self, steps: int) -> dict[str, dict[str, Any]]:
        """What each method adds to plain LoRA of so many steps; the best combination was chosen on tuning items.

        Each sees eight rows of the target in a step, as plain LoRA does; what is replayed comes beside them.
        """
        cot = tuple(SourceSettings(path=DATA / "flan_cot" / name, share=1 / 12, limit=300) for name in COT)
        traffic = self.folder / TRAFFIC
        learnt = RehearsalSettings(share=1 / 3, prompts=traffic)
        alone = RehearsalSettings(share=1 / 3, prompts=traffic, kl=1.5, learn=False)
        return {
            "decay": {"decay": _DECAY},
            "cot": {"mix": cot, "batch_size": 12},
            "rehearsal": {"rehearsal": learnt, "batch_size": 12},
            "ewc": {"ewc": EwcSettings(strength=EWC_STRENGTH, fisher="true")},
            "sam": {"sam": SamSettings(rho=0.05)},
            "sparse_sam": {"sam": SamSettings(rho=0.05, layers=0.25, every=4)},
            "linear": {"merge": MergeSettings(method="linear", weights=_LADDER)},
            "slerp": {"merge": MergeSettings(method="slerp", weights=_LADDER)},
            "best": {"rehearsal": alone, "batch_size": 12, "steps": steps * 5 // 3, "decay": _DECAY},
        }

    def scores_of_base(self) -> Scores:
        """What base scores on the test items."""
        return self._kept("base", {"tested": self._test}, lambda: self._score(self.base))

    def scores(self, settings: TrainSettings) -> Scores:
        """Train with `settings`, and ask the model the test items. Of the model its adapter is kept."""
        from trainer.pipeline import run  # noqa: PLC0415 - torch, as above

        def train() -> Scores:
            try:
                run(settings)
                kept = self._adapter(settings)
                shutil.rmtree(kept, ignore_errors=True)
                shutil.copytree(settings.output / "adapter", kept)
                return self._score(settings.output)
            finally:
                shutil.rmtree(settings.output, ignore_errors=True)

        return self._tested(settings, train)

    def scores_merged(self, name: str, trained: TrainSettings, merge: MergeSettings) -> Scores:
        """Search the merge of what `scores` trained, as the pipeline would, and ask it the test items."""
        self.scores(trained)
        output = CACHE / "models" / f"{name}-{trained.seed}"
        settings = trained.model_copy(
            update={"merge": merge, "output": output, "name": f"{name}-{trained.seed}"}
        )

        def search() -> Scores:
            shutil.rmtree(output, ignore_errors=True)
            output.mkdir(parents=True)
            try:
                found = workshop(settings).merge_adapter(self._adapter(trained), settings.steps, output)
                say(f"  {settings.name}: weight {found.weights}, every capability kept: {found.kept_all}")
                return self._score(output)
            finally:
                shutil.rmtree(output, ignore_errors=True)

        return self._tested(settings, search)

    def sweep(self, rates: tuple[float, ...], steps: tuple[int, ...]) -> Tuned:
        """Tune plain LoRA on the target's tuning items, with the first seed."""
        from trainer.pipeline import recipe, run  # noqa: PLC0415 - torch, as above

        asked = SweepSettings(learning_rates=rates, steps=steps)
        settings = self.settings("sweep", Tuned(rates[0], max(steps)), self.size.seeds[0], sweep=asked)

        def tune() -> dict[str, Any]:
            try:
                run(settings)
                found = json.loads((settings.output / "training.json").read_bytes())
                return {"learning_rate": found["learning_rate"], "steps": found["checkpoint"]}
            finally:
                shutil.rmtree(settings.output, ignore_errors=True)

        return Tuned(**self._kept("sweep", {"recipe": recipe(settings)}, tune))

    def _score(self, folder: Path) -> Scores:
        from trainer.methods.lora import load_base  # noqa: PLC0415 - torch, as above

        model = load_base(folder, "bfloat16")
        found = score(model, self.tokenizer, self.loaded, self.choices)
        return found if self._more is None else {**found, **self._more(model)}

    def _adapter(self, settings: TrainSettings) -> Path:
        from trainer.pipeline import recipe  # noqa: PLC0415 - torch, as above

        return CACHE / "adapters" / f"{settings.name}-{_digest(recipe(settings))}"

    def _tested(self, settings: TrainSettings, make: Callable[[], Scores]) -> Scores:
        from trainer.pipeline import recipe  # noqa: PLC0415 - torch, as above

        scores: Scores = self._kept(settings.name, {"recipe": recipe(settings), "tested": self._test}, make)
        return scores

    @property
    def _test(self) -> list[Any]:
        return [self.loaded.sha256, self.size.testing, *([self._asked] if self._asked else [])]

    def _kept(self, name: str, depends: dict[str, Any], make: Any) -> Any:
        path = CACHE / "results" / f"{name}-{_digest(depends)}.json"
        if path.is_file():
            say(f"  {name}: kept from an earlier run")
            return json.loads(path.read_bytes())
        began = time.monotonic()
        made = make()
        path.parent.mkdir(parents=True, exist_ok=True)
        write_renamed(path, json.dumps(made).encode())
        say(f"  {name}: {time.monotonic() - began:.0f} s")
        return made


def workshop(settings: TrainSettings) -> Any:
    """The product's workshop for a training with these settings."""
    from trainer.workshop import Workshop  # noqa: PLC0415 - torch, as above

    loaded = load_brief(settings.brief) if settings.brief else None
    data = read_data(settings, loaded)
    place = Place.of(settings, ("bench", "", {}))
    return Workshop(settings, attest(settings.base), loaded, data, place, silent, say)


def _cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0))


def _digest(depends: Any) -> str:
    return hashlib.sha256(json.dumps(depends, sort_keys=True, default=str).encode()).hexdigest()[:12]
