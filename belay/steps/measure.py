"""What `belay map measure` does: counts traffic against the brief, shows what changes, and writes it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from rich.console import Console

from belay.progress import bar
from belay.steps.brief_loading import judges_here
from evaluator.briefs.brief import LoadedBrief, load_brief
from evaluator.judge.embedding import Embedder
from evaluator.judge.tagging.choosing import tagger_for
from evaluator.judge.tagging.meaning_tagger import MeaningTagger
from evaluator.map.mapping.brief_shares import changes, shares_to_write, with_shares
from evaluator.map.mapping.confusion import held_out
from evaluator.map.mapping.mapping import Measurement, measure
from evaluator.map.mapping.reading import Window, read_traffic
from evaluator.map.mapping.resemblance import CautiousTagger
from telemetry.bus.protocols import Bus
from telemetry.files import write_renamed


def measure_traffic(
    loaded: LoadedBrief,
    bus: Bus,
    window: Window,
    console: Console,
    examples: int,
    stored: Path | None = None,
) -> Measurement:
    """Read, tag, count: by the tagger that the watch has, too, `stored` where it is named.

    Raises BrokerUnavailable, InfrastructureError (no topic) and UsageError (a tagger for other capabilities).
    """
    embedder = Embedder()  # one, so that exemplars are embedded once for all folds
    tagger = tagger_for(loaded, stored, embedder) if stored is not None else _fit(embedder, loaded)
    with bar(console, "   tagger, held out") as report:
        confusion = held_out(loaded, partial(_fit, embedder), report)
    names = [c.name for c in loaded.brief.capabilities]
    with bar(console, "   interactions") as report:
        traffic = read_traffic(names, tagger, bus, window, report)
    return measure(loaded, traffic, tagger.version, confusion, examples)


def _fit(embedder: Embedder, loaded: LoadedBrief) -> MeaningTagger | CautiousTagger:
    """A tagger of the kind that tags the traffic, taught by the exemplars of a brief."""
    if Embedder.installed():
        return MeaningTagger.fit(loaded, embedder=embedder)
    return CautiousTagger.fit(loaded)


def write_shares(path: Path, measurement: Measurement, console: Console) -> None:
    """Show what changes in the brief and change it. Raises UsageError where the traffic says too little."""
    before = path.read_bytes().decode("utf-8")
    shares = shares_to_write(measurement)
    after, changed = with_shares(before, shares), changes(before, shares)
    if not changed:
        console.print(f"{path} has these shares already.")
        return
    for line in changed:
        console.print(f"  {line}", markup=False)
    write_renamed(path, after.encode())
    load_brief(path, judges_here())
    console.print(
        f"{path} is written. Its hash is another one now: record the baseline anew before the next audit."
    )
