"""Base and several candidates on the same items, in this process: what a repair shows. Importing this loads torch."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Literal

from transformers import AutoTokenizer

from evaluator.briefs.brief import LoadedBrief
from evaluator.judge.judges.judge import Judge
from serving.models.manifest import read_manifest
from serving.models.quiet import quieten_transformers
from serving.progress import Report
from telemetry.events import Value
from trainer.methods import lora
from trainer.methods.devices import best_device, dtype_on
from trainer.rehearsing.base_answers import in_process, remembered
from trainer.scoring.suite import Answering, Suite


class Compared(Value):
    """One capability: mean scores over the same `n` items, by model; None where nothing was scored."""

    name: str
    role: Literal["target", "adjacent"]
    threshold: float
    n: int
    base: float | None
    models: dict[str, float | None]


def compare(
    loaded: LoadedBrief,
    base: Path,
    models: Mapping[str, Path],
    items: int,
    *,
    trained_on: Collection[str],
    answers: Path,
    report: Report,
    dtype: str = "bfloat16",
    seed: int = 7,
) -> tuple[Compared, ...]:
    """Score `models`, by name, on at most `items` tuning items of each capability that nothing was trained on.

    What base answered is kept in `answers`. The models are loaded one after another.
    """
    quieten_transformers()
    tokenizer = AutoTokenizer.from_pretrained(str(base), trust_remote_code=False)
    prompt, device = loaded.brief.system_prompt, best_device()

    def of(folder: Path) -> Answering:
        return in_process(lora.load_onto(folder, dtype, device), tokenizer, prompt)

    computed = dtype_on(dtype, device)
    known = remembered(lambda: of(base), answers, read_manifest(base).sha256, computed, prompt)
    suite = Suite(loaded, Judge(loaded), known, items, seed, trained_on=trained_on)
    found = {}
    for name, folder in models.items():

        def told(done: int, total: int, _note: str, name: str = name) -> None:
            report(done, total, f"asking {name}")

        found[name] = suite.evaluate(0, of(folder), told, whole=True)
    first = next(iter(found.values()))
    return tuple(
        Compared(
            name=score.name,
            role=score.role,
            threshold=score.threshold,
            n=score.n,
            base=score.base,
            models={name: one.capabilities[place].candidate for name, one in found.items()},
        )
        for place, score in enumerate(first.capabilities)
    )
