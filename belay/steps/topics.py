"""What differs between the topics that are there and those that are wanted, for people and for programs."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from telemetry.bus.names import Names
from telemetry.bus.settings import BusSettings
from telemetry.bus.topic_plan import TopicPlan

_MARKS = {"change": "[cyan]change[/]", "left": "[yellow]left[/]", "refusal": "[red]refused[/]"}
_HOUR_MS = 3_600_000
_UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def plan_text(found: TopicPlan, settings: BusSettings) -> dict[str, Any]:
    """The plan as JSON, values as the broker writes them."""
    names = Names(settings.namespace)
    return {
        "broker": settings.bootstrap_servers,
        "namespace": settings.namespace,
        "same": found.same,
        "differences": [
            {**one._asdict(), "topic": names.topic(one.topic), "deletes": one.deletes}
            for one in found.differences
        ],
    }


def plan_table(found: TopicPlan, settings: BusSettings) -> Table:
    """The plan, values in days and gigabytes."""
    names = Names(settings.namespace)
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("", "topic", "what", "there", "wanted", "why"):
        table.add_column(title, overflow="fold")
    for one in found.differences:
        table.add_row(
            _MARKS[one.kind],
            names.topic(one.topic),
            one.what,
            in_words(one.what, one.there),
            in_words(one.what, one.wanted),
            one.why,
        )
    return table


def changes_told(made: TopicPlan, settings: BusSettings) -> list[str]:
    """A line for each change that was made."""
    names = Names(settings.namespace)
    return [
        f"changed: {names.topic(one.topic)} {one.what} "
        f"{in_words(one.what, one.there)} -> {in_words(one.what, one.wanted)}"
        for one in made.changes
    ]


def in_words(what: str, value: str) -> str:
    """A setting's value as people say it.

    >>> in_words("retention.ms", "3888000000"), in_words("segment.ms", "3600000"), in_words("retention.bytes", "-1")
    ('45 days', '1 hour', 'unbounded')
    >>> in_words("retention.bytes", "25000000000"), in_words("cleanup.policy", "compact")
    ('25 GB', 'compact')
    """
    if not value.lstrip("-").isdigit():
        return value
    number = int(value)
    if number < 0:
        return "unbounded"
    if what.endswith(".ms"):
        hours = number / _HOUR_MS
        return _counted(hours / 24, "day") if hours >= 24 else _counted(hours, "hour")
    if what.endswith(".bytes"):
        return next(
            (f"{number / size:.4g} {unit}" for size, unit in _UNITS if number >= size), f"{value} bytes"
        )
    return value


def _counted(number: float, unit: str) -> str:
    if number > 1e6:
        return "unbounded"
    return f"{number:.4g} {unit}" if number == 1 else f"{number:.4g} {unit}s"
