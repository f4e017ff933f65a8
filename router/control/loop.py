"""Control's ears and mouth: reads decisions, publishes states, and outlives the broker."""

from __future__ import annotations

import logging
import threading
from typing import Final

from router.control.actor import Control
from router.control.rollout import SOURCE
from telemetry import codec, topics
from telemetry.bus.catching_up import read_to_end
from telemetry.bus.protocols import Bus, Publisher, Record
from telemetry.dead_letters import dead_record
from telemetry.errors import InfrastructureError, UnreadableRecord
from telemetry.events import DecisionMade, RolloutChanged

log = logging.getLogger(__name__)

POLL_S: Final = 0.1
RETRY_S: Final = 1.0
RESTORE_S: Final = 15.0


def control_loop(control: Control, bus: Bus, stop: threading.Event) -> None:
    """Serve the bus until `stop`. Where the broker is away or the disk full, start over every second.

    Decisions are then read from the start of their topic, without a group: joining one takes seconds, and
    repeating a decision changes nothing (`router.control.actor.event_for`). So none is lost to a failed write.
    """
    while not stop.is_set():
        try:
            _serve(control, bus, stop)
        except InfrastructureError as error:
            log.warning("control tries again in %g s: %s", RETRY_S, error)
            stop.wait(RETRY_S)
            _expire(control)


def without_a_bus(control: Control, stop: threading.Event) -> None:
    """Serve people only, until `stop`: what ends by itself still ends."""
    while not stop.wait(RETRY_S):
        _expire(control)


def _expire(control: Control) -> None:
    """Close a rollback window that has passed, broker or not."""
    try:
        control.expire()
    except InfrastructureError as error:
        log.warning("the rollback window stays open: %s", error)


def _serve(control: Control, bus: Bus, stop: threading.Event) -> None:
    bus.ensure_topics()
    control.restore(_published(bus, stop))
    with bus.publisher() as publisher, bus.reader([topics.DECISIONS]) as reader:
        while not stop.is_set():
            _publish(control, publisher)
            for record in reader.poll(POLL_S):
                _act_on(control, record, publisher)
            control.expire()
        _publish(control, publisher)


def _published(bus: Bus, stop: threading.Event) -> list[RolloutChanged]:
    """Every state in the topic; the topic is compacted, so they are few."""
    found: list[RolloutChanged] = []
    with bus.reader([topics.ROLLOUTS]) as reader:
        for record in read_to_end(reader, RESTORE_S):
            if stop.is_set():
                break
            if record.is_tombstone:
                continue
            try:
                event = codec.decode(record)
            except UnreadableRecord as error:
                log.error("skipped, the decider puts it to the dead letters: %s", error)  # noqa: TRY400 - the message names the record
                continue
            if isinstance(event, RolloutChanged):
                found.append(event)
    return found


def _act_on(control: Control, record: Record, publisher: Publisher) -> None:
    try:
        event = codec.decode(record)
    except UnreadableRecord as error:
        publisher.send(codec.encode(dead_record(record, error.message, SOURCE)))
        publisher.flush()
        return
    if isinstance(event, DecisionMade):
        control.decide(event)


def _publish(control: Control, publisher: Publisher) -> None:
    waiting = list(control.outbox)
    if not waiting:
        return
    for state in waiting:
        publisher.send(codec.encode(state))
    publisher.flush()
    for _ in waiting:
        control.outbox.popleft()
