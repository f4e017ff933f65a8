"""What `belay brief new --from-traffic` does: reads traffic, finds capabilities, writes the brief."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from belay.wiring import bus_at
from evaluator.briefs.brief import load_brief
from evaluator.map.discovering.discovery import Discovery, discover
from evaluator.map.discovering.gathering import Gathered, gather
from evaluator.map.discovering.log_files import EXPECTED, log_exchanges
from evaluator.map.discovering.sketch import brief_of, common_system, files_of, notes_of
from evaluator.map.discovering.topic import HASHED, topic_exchanges
from evaluator.map.drafting.writer import brief_text
from telemetry.errors import UsageError

TOPIC: Final = "topic:"
_SHOWN: Final = 70
_UNSTABLE: Final = 0.5
_HASHED: Final = (
    "Hashed text cannot be grouped. Let the router record under the text policy 'redacted' or 'full', "
    "or give a log."
)


def traffic_of(source: str, bootstrap_servers: str | None, sample: int) -> Gathered:
    """The traffic of a log file, or of `topic:NAME` on a broker. UsageError where none of it can be used."""
    if not source.startswith(TOPIC):
        if bootstrap_servers is not None:
            raise UsageError(
                f"--bootstrap-servers came with the file {source}", hint="Leave it out, or give topic:NAME."
            )
        return gather(log_exchanges(Path(source)), source, EXPECTED, sample)
    if bootstrap_servers is None:
        raise UsageError(
            f"{source} needs --bootstrap-servers", hint="The broker that holds the topic: host:port."
        )
    name = source.removeprefix(TOPIC)
    return gather(topic_exchanges(bus_at(bootstrap_servers), name), source, _HASHED, sample)


def sketch_brief(path: Path, source: str, gathered: Gathered, most: int, console: Console) -> Discovery:
    """Find capabilities, write the brief with what it names, all or nothing, and show what was found."""
    found = discover(gathered.asked, most)
    system = common_system([one.exchange.system for one in gathered.asked])
    name = re.sub(r"[^a-z0-9]+", "-", path.resolve().parent.name.lower()).strip("-") or "brief"
    said = Path(source).name if not source.startswith(TOPIC) else source
    files = {**files_of(found), path.name: brief_text(brief_of(found, name, said, system), notes_of(found))}
    _write(path, files)
    _show(found, gathered, console)
    console.print(
        f"\n  {path} and the items and exemplars beside it are written. Then: belay brief check {path}"
    )
    return found


def _write(path: Path, files: dict[str, str]) -> None:
    """Give the files their names, the brief last, once all of them are there and the brief loads."""
    folder = path.parent
    if there := [name for name in files if (folder / name).exists()]:
        raise UsageError(
            f"{', '.join(str(folder / name) for name in there[:3])} exist{'s' if len(there) == 1 else ''}",
            hint="Nothing is overwritten: give a path in another folder.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    beside = folder / f".{path.name}.new"
    shutil.rmtree(beside, ignore_errors=True)
    try:
        for name, text in files.items():
            (beside / name).parent.mkdir(parents=True, exist_ok=True)
            (beside / name).write_text(text, encoding="utf-8", newline="\n")
        load_brief(beside / path.name)
        for name in files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (beside / name).replace(folder / name)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _show(found: Discovery, gathered: Gathered, console: Console) -> None:
    for line in _read(gathered, found):
        console.print(line, markup=False)
    table = Table(box=None, padding=(0, 1))
    table.add_column("capability", no_wrap=True)
    for name in ("share", "prompts", "items"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("an example", no_wrap=True, overflow="ellipsis")
    for one in found.capabilities:
        example = " ".join(one.exemplars[0].text.split())[:_SHOWN]
        table.add_row(
            one.name, f"{one.share:.1%}", f"{len(one.prompts):,}", f"{len(one.items)}", escape(example)
        )
    console.print(table)
    for line in _doubts(found, gathered):
        console.print(line, style="yellow", markup=False)


def _read(gathered: Gathered, found: Discovery) -> list[str]:
    formats = ", ".join(f"{count:,} {name}" for name, count in gathered.formats.most_common())
    lines = [f"{gathered.exchanges:,} queries in {gathered.records:,} records ({formats})."]
    if gathered.exchanges > len(gathered.asked):
        lines.append(
            f"A sample of {len(gathered.asked):,} of them is used (--sample); shares are the sample's."
        )
    if gathered.reasons:
        lines.append(f"Not used: {', '.join(f'{n:,} {why}' for why, n in gathered.reasons.most_common())}.")
    if gathered.broken:
        lines.append(
            f"{gathered.broken:,} records cannot be read; the first: {'; '.join(gathered.first_broken)}."
        )
    who = (
        f"{found.subjects:,} subjects; {found.unknown:,} queries name none"
        if found.unknown
        else f"{found.subjects:,}"
    )
    lines.append(f"Different prompts: {found.prompts:,}. Subjects: {who}.")
    lines.append(
        f"Silhouette {found.grouping.silhouette:.2f}, stability {found.grouping.stability:.2f} "
        "(1 is best): how far the groups lie apart, and whether half of the prompts gives the same ones."
    )
    return lines


def _doubts(found: Discovery, gathered: Gathered) -> list[str]:
    lines = []
    if found.grouping.stability < _UNSTABLE:
        lines.append(
            "The groups are not stable: read their items before you believe them, merge what belongs together."
        )
    if found.heaviest > 0.2:
        lines.append(f"One subject sent {found.heaviest:.0%} of the queries; it counts for its part alone.")
    if found.left_out > 0.0005:
        lines.append(f"{found.left_out:.1%} of the weight is left out: too few of its prompts can be copied.")
    if gathered.reasons[HASHED]:
        lines.append(f"{gathered.reasons[HASHED]:,} interactions are refused. {_HASHED}")
    lines.append(
        "Keys, addresses and numbers are redacted by pattern; names in prose are not found. Read before sharing."
    )
    return lines
