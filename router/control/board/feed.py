"""Reads what the topics say into the view, and outlives the broker and any record."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from typing import Final

from router.control.board.told import Source
from router.control.board.view import View
from router.control.health import Pulse
from telemetry import codec, topics
from telemetry.bus.catching_up import read_to_end, skip_to_last
from telemetry.bus.protocols import Bus, Record
from telemetry.errors import BrokerUnavailable, InfrastructureError, UnreadableRecord
from telemetry.events import Event, RolloutChanged, now

log = logging.getLogger(__name__)

POLL_S: Final = 0.25
RETRY_S: Final = 1.0
ASK_S: Final = 5.0
"""How often the broker is asked whether it is there: a poll that finds nothing does not tell."""
RECENT: Final = 2_000
"""Decisions that are read at a start. Each has its proof with it, so that a year of them is long to read."""
NO_BROKER: Final = "this control was given no bootstrap_servers, so it knows what people did and no evidence"


def feed(view: View, bus: Bus | None, stop: threading.Event, pulse: Pulse) -> None:
    """Feed the view until `stop`. Whatever goes wrong, it is said, and tried again every second."""
    if bus is None:
        view.source_is(_source("away", NO_BROKER))
        while not stop.wait(RETRY_S):
            pulse.beat()
        return
    while not stop.is_set():
        try:
            _follow(view, bus, stop, pulse)
        except BrokerUnavailable as error:
            pulse.away(error.message)
            view.source_is(_source("away", error.message))
        except InfrastructureError as error:
            pulse.trouble(error.message)
            view.source_is(_source("away", error.message))
        except Exception as error:  # noqa: BLE001 - the page may be wrong for a while; it never ends for good
            pulse.alarm("the board starts over", error)
            view.source_is(_source("away", f"a mistake of Belay's: {type(error).__name__}: {error}"))
        stop.wait(RETRY_S)


def _follow(view: View, bus: Bus, stop: threading.Event, pulse: Pulse) -> None:
    bus.ensure_topics()
    with bus.reader([topics.ROLLOUTS, topics.WATCH]) as states, bus.reader([topics.DECISIONS]) as decisions:
        # Two topics have no order between them, and a path has one: the past is told by its times.
        # What made control act comes before what it did, at the same moment too.
        told = _events(read_to_end(states))
        past = sorted(told, key=lambda event: (event.time, isinstance(event, RolloutChanged)))
        _take(view, past, pulse)
        skip_to_last(decisions, RECENT)
        _take(view, _events(read_to_end(decisions)), pulse)
        view.source_is(_source("live", None))
        ask_at = time.monotonic() + ASK_S
        while not stop.is_set():
            if time.monotonic() >= ask_at:
                states.end_offsets()
                ask_at = time.monotonic() + ASK_S
            _take(view, _events(decisions.poll(0.0)), pulse)
            _take(view, _events(states.poll(POLL_S)), pulse)
            pulse.beat()


def _take(view: View, events: Iterable[Event], pulse: Pulse) -> None:
    for event in events:
        try:
            view.take(event)
        except Exception as error:  # noqa: BLE001 - one event must not hide those that come after it
            pulse.alarm(f"the board cannot use {event.TYPE} {event.event_id}", error)


def _events(records: Iterable[Record]) -> Iterable[Event]:
    for record in records:
        if record.is_tombstone:
            continue
        try:
            yield codec.decode(record)
        except UnreadableRecord as error:
            log.debug("skipped, control or the decider puts it to the dead letters: %s", error)


def _source(state: str, why: str | None) -> Source:
    return Source.model_validate({"state": state, "why": why, "since": now()})
