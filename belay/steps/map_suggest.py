"""What `belay map suggest` does: reads traffic, groups what no capability covers, writes what wants a label."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from belay.steps.brief_traffic import traffic_of
from evaluator.briefs.brief import LoadedBrief
from evaluator.judge.tagging.choosing import tagger_for
from evaluator.map.discovering.uncovered import Suggestion, suggest
from telemetry.files import write_renamed

_SHOWN: Final = 70
_UNSTABLE: Final = 0.5


def suggest_capabilities(
    loaded: LoadedBrief,
    source: str,
    bootstrap_servers: str | None,
    console: Console,
    *,
    tagger: Path | None,
    sample: int,
    most: int,
) -> Suggestion:
    """What the traffic of a log or of `topic:NAME` holds beside the brief's capabilities."""
    gathered = traffic_of(source, bootstrap_servers, sample)
    with console.status("fitting the tagger"):
        chosen = tagger_for(loaded, tagger)
    return suggest(gathered.asked, chosen, chosen.version, most)


def show_suggestion(found: Suggestion, console: Console) -> None:
    """The candidates for people."""
    console.print(
        f"{found.unknown:,} of {found.queries:,} queries belong to no capability of the brief ({found.tagger}).",
        markup=False,
    )
    table = Table(box=None, padding=(0, 1))
    table.add_column("candidate", no_wrap=True)
    for name in ("of all", "queries", "prompts"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("an example", no_wrap=True, overflow="ellipsis")
    for one in found.capabilities:
        example = " ".join(one.exemplars[0].split())[:_SHOWN]
        table.add_row(one.name, f"{one.share:.1%}", f"{one.queries:,}", f"{one.prompts:,}", escape(example))
    console.print(table)
    if found.stability < _UNSTABLE:
        console.print(
            "The groups are not stable: read their exemplars before you believe them.", style="yellow"
        )


def write_for_labels(path: Path, found: Suggestion) -> None:
    """The exemplars as lines for `belay tagger train --corrected`: null, unless somebody puts a capability there."""
    lines = [
        json.dumps({"prompt": prompt, "capability": None, "group": one.name}, ensure_ascii=False)
        for one in found.capabilities
        for prompt in one.exemplars
    ]
    write_renamed(path, "".join(f"{line}\n" for line in lines).encode())
