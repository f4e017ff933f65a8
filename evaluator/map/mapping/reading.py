"""Traffic as the map measures it: interactions of a window, read from the log, tagged and counted."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from evaluator.map.mapping.mapping import Traffic
from evaluator.watch.worker.scoring import Tagging
from telemetry import codec, topics
from telemetry.bus.catching_up import read_to_end
from telemetry.bus.protocols import Bus, Reader, Record
from telemetry.errors import InfrastructureError, UnreadableRecord, UsageError
from telemetry.events import InteractionRecorded, ShadowAnswered
from telemetry.prompts import prompt_of

_BATCH: Final = 500
_QUIET_S: Final = 10.0
_JOIN_S: Final = 60.0
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


Report = Callable[[int, int, str], None]


def read_traffic(
    capabilities: Sequence[str], tagger: Tagging, bus: Bus, window: Window, report: Report
) -> Traffic:
    """Read the window's interactions, tag and count them. Raises BrokerUnavailable and InfrastructureError (no topic).

    A group's place is committed once all is counted.
    """
    traffic = Traffic(capabilities)
    with bus.reader([topics.INTERACTIONS], group=window.group) as reader:
        _count(traffic, tagger, _within(reader, window, traffic, report), window.newest)
        if window.group is not None:
            reader.commit()
    return traffic


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
    # Each interaction may be followed by its shadow's answer.
    reach = None if window.newest is None else 2 * window.newest
    if reach is not None:
        for (topic, partition), end in ends.items():
            reader.seek(topic, partition, max(0, end - reach))
    total = sum(min(end, reach or end) for end in ends.values())
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
        if isinstance(event, ShadowAnswered):
            continue  # its interaction is what was asked
        if not isinstance(event, InteractionRecorded):
            traffic.unusable["unreadable"] += 1
        elif window.since is not None and event.time < window.since:
            traffic.unusable["outside the window"] += 1
        else:
            yield event


def _read_on(reader: Reader) -> Iterator[Record]:
    """What a group has not read yet. It does not say where it stands, so that silence is what ends it.

    Silence counts from when the group has given partitions: joining one takes seconds. Raises InfrastructureError
    where it gives none.
    """
    began = silent_since = time.monotonic()
    joined = False
    while time.monotonic() - silent_since < _QUIET_S:
        for record in reader.poll(0.2):
            silent_since = time.monotonic()
            yield record
        if not joined:
            joined, silent_since = reader.joined(), time.monotonic()
            if not joined and silent_since - began > _JOIN_S:
                raise InfrastructureError(
                    f"the consumer group gave no partition within {_JOIN_S:.0f} s, so nothing was read",
                    hint="Does another reader of this group hold them all? Take another name: --group.",
                )
    # A poll says nothing of a broker that is away; this raises.
    reader.end_offsets()


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
