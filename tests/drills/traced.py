"""A rollback, and the trace that leads to it: told by the four processes themselves, over a real broker."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from belay.home import RunFolder
from tests.drills.deciding import BAD
from tests.drills.drill import Drill
from tests.drills.scenario import Scenario
from tests.telemetry.tracing.collector import Collector, Taken, collecting

_WAY: Final = [
    ("belay-control", "rollout rolled_back"),
    ("belay-worker", "decide roll_back"),
    ("belay-worker", "process belay.interactions"),
    ("belay-forwarder", "send belay.interactions"),
    ("belay-router", "POST /v1/chat/completions"),
]
"""From the end of the trace to its beginning."""


def traced() -> Scenario:
    """Nothing breaks, and a bad candidate is rolled back: one trace goes there from a request that was answered."""
    kept: list[Collector] = []

    @contextmanager
    def around(folder: RunFolder) -> Iterator[None]:
        del folder
        with collecting() as collector:
            kept.append(collector)
            told = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "200"}
            os.environ.update(told)
            try:
                yield
            finally:
                for name in told:
                    del os.environ[name]

    def rolls_back(drill: Drill) -> list[str]:
        return [] if drill.until(lambda: drill.status_in_file() == "rolled_back", 60.0) else ["no rollback"]

    def holds(drill: Drill) -> list[str]:
        collector = kept[-1]
        if not drill.until(lambda: collector.named("rollout rolled_back"), 10.0):
            return ["control has told nothing of the rollback"]
        return _wrong_with(collector, set(drill.traffic.heard.answered))

    return Scenario("the trace of a rollback", rolls_back, replace(BAD, around=around), holds=holds)


def _wrong_with(collector: Collector, answered: set[str]) -> list[str]:
    (end,) = collector.named("rollout rolled_back")
    spans = {taken.id: taken for taken in collector.spans if taken.trace == end.trace}
    way = list(_back(end, spans))
    wrong = []
    if [(one.service, one.span.name) for one in way] != _WAY:
        wrong.append(f"the rollback's trace leads over {[one.span.name for one in way]}")
    if way[-1].trace not in answered:
        wrong.append("its first span is that of no interaction that a client was told of")
    calls = [one for one in spans.values() if one.parent == way[-1].id and one.span.name.startswith("chat ")]
    if not calls:
        wrong.append("no engine is called in it")
    return wrong


def _back(taken: Taken, spans: dict[str, Taken]) -> Iterator[Taken]:
    """A span, and what each hangs below."""
    found: Taken | None = taken
    while found is not None:
        yield found
        found = spans.get(found.parent)
