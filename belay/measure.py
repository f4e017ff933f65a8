"""What `belay map measure` does: reads interactions from Kafka, counts them against the brief, shows and writes."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from rich.console import Console

from belay.progress import Report, bar
from evaluator.briefs.brief import LoadedBrief, load_brief
from evaluator.judging.scorer import prompt_of
from evaluator.mapping.brief_shares import changes, shares_to_write, with_shares
from evaluator.mapping.confusion import held_out
from evaluator.mapping.mapping import Measurement, Traffic, measure
from evaluator.mapping.resemblance import CautiousTagger
from evaluator.watching.scoring import Tagging
from telemetry import codec, topics
from telemetry.bus import Bus, Reader, Record
from telemetry.bus_settings import BusSettings
from telemetry.catching_up import read_to_end
from telemetry.errors import UnreadableRecord, UsageError
from telemetry.events import InteractionRecorded
from telemetry.files import write_renamed
from telemetry.kafka_bus import KafkaBus

_BATCH: Final = 500
_QUIET_S: Final = 10.0
_UNITS: Final = {"h": 3600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True, slots=True)
class Window:
    """Which interactions are measured: from `since` on, at most the `newest` so many, or what `group` has not read."""

    since: datetime | None = None
    newest: int | None = None
    group: str | None = None

    def __post_init__(self) -> None:
        if self.group is not None and self.newest is not None:
            raise UsageError(
                "--group came with --max: a group goes on from where it stopped, and has no newest ones",
                hint="Leave out one of the two.",
            )


def measure_traffic(
    loaded: LoadedBrief, bus: Bus, window: Window, console: Console, examples: int
) -> Measurement:
    """Read, tag, count. Raises BrokerUnavailable and InfrastructureError (no topic)."""
    tagger = CautiousTagger.fit(loaded)
    with bar(console, "   tagger, held out") as report:
        confusion = held_out(loaded, progress=report)
    traffic = Traffic([c.name for c in loaded.brief.capabilities])
    with bus.reader([topics.INTERACTIONS], group=window.group) as reader:
        with bar(console, "   interactions") as report:
            _count(traffic, tagger, _within(reader, window, traffic, report), window.newest)
        if window.group is not None:
            reader.commit()
    return measure(loaded, traffic, tagger.version, confusion, examples)


def _count(
    traffic: Traffic, tagger: Tagging, interactions: Iterator[InteractionRecorded], newest: int | None
) -> None:
    found: Iterator[InteractionRecorded] = (i for i in interactions if traffic.usable(i))
    if newest is not None:
        # Partitions are read one beside the other: only all of them together tell which are the newest.
        every = sorted(found, key=lambda i: i.time)
        traffic.unusable["outside the window"] += len(every[:-newest])
        found = iter(every[-newest:])
    batch: list[InteractionRecorded] = []
    for interaction in found:
        batch.append(interaction)
        if len(batch) == _BATCH:
            _add(traffic, tagger, batch)
            batch = []
    _add(traffic, tagger, batch)


def _add(traffic: Traffic, tagger: Tagging, batch: list[InteractionRecorded]) -> None:
    for interaction, tag in zip(batch, tagger.tag([prompt_of(i) for i in batch]), strict=True):
        traffic.add(interaction, tag)


def _within(
    reader: Reader, window: Window, traffic: Traffic, report: Report
) -> Iterator[InteractionRecorded]:
    """The readable interactions of the window, in the order in which they are read."""
    ends = reader.end_offsets()
    if window.newest is not None:
        for (topic, partition), end in ends.items():
            reader.seek(topic, partition, max(0, end - window.newest))
    total = sum(min(end, window.newest or end) for end in ends.values())
    records = read_to_end(reader) if window.group is None else _read_on(reader)
    for done, record in enumerate(records, start=1):
        if done % _BATCH == 0:
            report(done, max(total, done), "")
        # A record is never older than what it tells of.
        if window.since is not None and record.timestamp_ms < window.since.timestamp() * 1000:
            traffic.unusable["outside the window"] += 1
            continue
        try:
            event = codec.decode(record)
        except UnreadableRecord:
            traffic.unusable["unreadable"] += 1
            continue
        if not isinstance(event, InteractionRecorded):
            traffic.unusable["unreadable"] += 1
        elif window.since is not None and event.time < window.since:
            traffic.unusable["outside the window"] += 1
        else:
            yield event


def _read_on(reader: Reader) -> Iterator[Record]:
    """What a group has not read yet. It does not say where it stands, so that silence is what ends it."""
    silent_since = time.monotonic()
    while time.monotonic() - silent_since < _QUIET_S:
        for record in reader.poll(0.2):
            silent_since = time.monotonic()
            yield record
    # A poll says nothing of a broker that is away; this raises.
    reader.end_offsets()


def bus_at(bootstrap_servers: str) -> Bus:
    """The broker. Raises UsageError for what is no address."""
    try:
        return KafkaBus(BusSettings(bootstrap_servers=bootstrap_servers))
    except ValidationError as error:
        raise UsageError(
            f"--bootstrap-servers is {bootstrap_servers!r}, expected host:port, several separated by commas"
        ) from error


def since_of(text: str, now: datetime) -> datetime:
    """The moment that `--since` names: a date, a time, or an age such as `12h`, `7d`, `2w`. Raises UsageError.

    >>> since_of("2d", datetime(2026, 3, 3, tzinfo=UTC)).isoformat()
    '2026-03-01T00:00:00+00:00'
    """
    if age := re.fullmatch(r"(\d+)([hdw])", text.strip()):
        return now - timedelta(seconds=int(age[1]) * _UNITS[age[2]])
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise UsageError(
            f"--since is {text!r}, expected a date (2026-03-01), a time (2026-03-01T09:00+01:00) or an age (7d)"
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


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
    load_brief(path)
    console.print(
        f"{path} is written. Its hash is another one now: record the baseline anew before the next audit."
    )
