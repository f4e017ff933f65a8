"""Training as a step of the command line and the demo."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from belay.home import Home
from belay.progress import bar
from evaluator.brief import LoadedBrief
from serving.manifest import attest
from telemetry.errors import BelayError
from trainer.config import TrainSettings


def train(home: Home, loaded: LoadedBrief, base: Path, name: str, console: Console) -> Path:
    """A candidate fine-tuned on the brief's target alone; the one on disk where settings and data are the same."""
    from trainer.pipeline import run  # noqa: PLC0415 - torch takes seconds to import; other commands need none

    settings = TrainSettings(name=name, base=base, data=loaded.training_file, output=home.model(name))
    if _same_candidate(settings):
        console.print(f"   {settings.output} was trained with these settings on this data already")
        return settings.output
    with bar(console, f"   LoRA, {settings.steps} steps") as report:
        run(settings, report)
    return settings.output


def _same_candidate(settings: TrainSettings) -> bool:
    from trainer.pipeline import recipe  # noqa: PLC0415 - as above

    try:
        manifest = attest(settings.output)
    except BelayError:
        return False
    wanted = recipe(settings)
    return (manifest.base_sha256, manifest.data_sha256, manifest.settings) == wanted
