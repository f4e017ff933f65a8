"""Control's ears and mouth: reads decisions, publishes states, and outlives broker, disk and any record."""

from __future__ import annotations

import logging
import threading
import time
from typing import Final

from router.control.actor import Control
from router.control.audit_log import AuditLog
from router.control.health import Pulse
from router.control.rollout import SOURCE
from router.control.tracing import ChangeTraces
from telemetry import codec, topics
from telemetry.bus.catching_up import read_to_end
from telemetry.bus.protocols import Bus, Publisher, Record
from telemetry.dead_letters import bury
from telemetry.errors import BrokerUnavailable, InfrastructureError, RecordTooLarge, UnreadableRecord
from telemetry.events import DecisionMade, RolloutChanged
from telemetry.log_fields import about

log = logging.getLogger(__name__)

POLL_S: Final = 0.1
RETRY_S: Final = 1.0
RESTORE_S: Final = 15.0
STUCK_S: Final = 5.0
"""How long what cannot be written waits at most while there is more to read."""
_DUE: Final = "what is due"
ASK_S: Final = 5.0
"""How often the broker is asked whether it is there: a poll that finds nothing does not tell."""


def control_loop(
    control: Control,
    bus: Bus,
    stop: threading.Event,
    pulse: Pulse | None = None,
    audit: AuditLog | None = None,
    traces: ChangeTraces | None = None,
) -> None:
    """Serve the bus until `stop`. Whatever goes wrong, start over every second; `pulse` tells of it.

    Decisions are then read from the start of their topic, without a group: joining one takes seconds, and
    repeating a decision changes nothing (`router.control.deciding`). So none is lost to a failed write.
    """
    pulse = pulse or Pulse("control-loop")
    pulse.away("the broker has not been reached yet")
    loop = _Loop(control, bus, stop, pulse, audit, traces or ChangeTraces())
    while not stop.is_set():
        loop.serve_until_broken()


def without_a_bus(control: Control, stop: threading.Event, pulse: Pulse | None = None) -> None:
    """Serve people only, until `stop`: what ends by itself still ends."""
    pulse = pulse or Pulse("control-loop")
    while not stop.wait(RETRY_S):
        if _tick(control, pulse):
            pulse.beat()


def _tick(control: Control, pulse: Pulse) -> bool:
    """Do what time makes due, broker or not; whether that could be looked at."""
    try:
        control.tick()
    except InfrastructureError as error:
        log.warning("what is due waits: %s", error)
        pulse.trouble(error.message)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is counted, logged and tried again
        pulse.alarm("what is due waits", error)
        pulse.trouble(_told(error))
    else:
        return True
    return False


class _Loop:
    """Serving one bus. `_buried` is how far records were buried: after a start over, no letter is sent twice."""

    def __init__(
        self,
        control: Control,
        bus: Bus,
        stop: threading.Event,
        pulse: Pulse,
        audit: AuditLog | None,
        traces: ChangeTraces,
    ) -> None:
        self._traces = traces
        self._control, self._bus, self._stop, self._pulse, self._audit = control, bus, stop, pulse, audit
        self._buried: dict[int, int] = {}
        # What could not be written, by rollout, with why: its decisions wait, those about others are acted on.
        self._stuck: dict[str, Exception] = {}
        self._stuck_since = 0.0

    def serve_until_broken(self) -> None:
        """Serve until `stop`, or until something goes wrong, and wait a while then."""
        try:
            self._serve()
        except BrokerUnavailable as error:
            log.warning("control tries again in %g s: %s", RETRY_S, error)
            self._pulse.away(error.message)
        except InfrastructureError as error:
            log.warning("control tries again in %g s: %s", RETRY_S, error)
            self._pulse.trouble(error.message)
        except Exception as error:  # noqa: BLE001 - automatic rollback outlives every mistake in here
            self._pulse.alarm("the loop starts over", error)
            self._pulse.trouble(_told(error))
        else:
            return
        self._stop.wait(RETRY_S)
        _tick(self._control, self._pulse)

    def _serve(self) -> None:
        self._stuck.clear()
        self._bus.ensure_topics()
        self._restore(self._published())
        with self._bus.publisher() as publisher, self._bus.reader([topics.DECISIONS, topics.WATCH]) as reader:
            ask_at = 0.0
            while not self._stop.is_set():
                if time.monotonic() >= ask_at:
                    reader.end_offsets()
                    ask_at = time.monotonic() + ASK_S
                self._publish(publisher)
                records = reader.poll(POLL_S)
                for record in records:
                    self._act_on(record, publisher)
                self._tick()
                self._raise_what_is_stuck(caught_up=not records)
                self._pulse.beat()
            self._publish(publisher)

    def _restore(self, published: list[RolloutChanged]) -> None:
        try:
            self._control.restore(published)
        except InfrastructureError as error:
            self._is_stuck("what the topic knows", error)

    def _published(self) -> list[RolloutChanged]:
        """Every state in the topic; the topic is compacted, so they are few."""
        found: list[RolloutChanged] = []
        with self._bus.reader([topics.ROLLOUTS]) as reader:
            for record in read_to_end(reader, RESTORE_S):
                if self._stop.is_set():
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

    def _publish(self, publisher: Publisher) -> None:
        """Publish what waits, oldest first. A state that no broker takes is given up: decisions wait behind it."""
        outbox = self._control.outbox
        while outbox:
            state = outbox[0]
            try:
                publisher.send(codec.encode(state, self._traces.traceparent(state)))
                publisher.flush()
            except RecordTooLarge as error:
                self._pulse.alarm(
                    f"revision {state.revision} of {state.spec.rollout_id} is not published", error
                )
            outbox.popleft()
        if self._audit is not None and (waiting := self._audit.unpublished()):
            for entry in filter(None, (each.entry for each in waiting)):
                publisher.send(codec.encode(entry))
            publisher.flush()
            self._audit.published(waiting[-1].end)

    def _act_on(self, record: Record, publisher: Publisher) -> None:
        """Act on one record. What cannot be handled never stops what comes after it."""
        if record.topic == topics.WATCH:
            self._hear(record)
            return
        try:
            event = codec.decode(record)
            if isinstance(event, DecisionMade) and event.rollout_id not in self._stuck:
                self._traces.heard(event.event_id, codec.trace_in(record))
                self._decide(event)
        except UnreadableRecord as error:
            self._bury(record, error.message, publisher)
        except Exception as error:  # noqa: BLE001 - one record must not stop the watch of all others
            self._pulse.alarm(
                f"record {record.topic}/{record.partition} at offset {record.offset} is not acted on", error
            )
            self._bury(record, f"control cannot handle it: {_told(error)}", publisher)

    def _decide(self, decision: DecisionMade) -> None:
        try:
            with about(rollout_id=decision.rollout_id, decision_id=decision.event_id):
                self._control.decide(decision)
        except InfrastructureError as error:
            self._is_stuck(decision.rollout_id, error)

    def _tick(self) -> None:
        try:
            self._control.tick()
        except Exception as error:  # noqa: BLE001 - raised when others have their turn
            self._is_stuck(_DUE, error)

    def _is_stuck(self, what: str, error: Exception) -> None:
        if not self._stuck:
            self._stuck_since = time.monotonic()
        self._stuck.setdefault(what, error)

    def _raise_what_is_stuck(self, *, caught_up: bool) -> None:
        """Start over, and so try again, once all other rollouts have what was decided about them."""
        if self._stuck and (caught_up or time.monotonic() - self._stuck_since > STUCK_S):
            raise next(iter(self._stuck.values()))

    def _hear(self, record: Record) -> None:
        """Hear what the watch says of itself. What cannot be read tells nothing: its silence is what counts."""
        if record.is_tombstone:
            return
        try:
            self._control.heard.reported(codec.decode(record))
        except UnreadableRecord as error:
            log.warning("not heard: %s", error)

    def _bury(self, record: Record, reason: str, publisher: Publisher) -> None:
        if record.offset <= self._buried.get(record.partition, -1):
            return
        bury(publisher, record, reason, SOURCE)
        self._pulse.buried += 1
        self._buried[record.partition] = record.offset


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
