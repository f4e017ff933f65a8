"""The forwarder: spool to Kafka, and the rollout's state from Kafka to a router's file. Its own process.

Order matters, and is what loses nothing:
1. read a batch from the spool;
2. make events of it: interactions, or dead letters where a record cannot be used;
3. publish, and wait until all is acknowledged;
4. acknowledge the batch to the spool, which deletes what is behind it.
A crash before 4 sends the batch again, under the same event ids.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from pydantic import Field, model_validator

from telemetry.bus.kafka_bus import BusSettings, KafkaBus
from telemetry.bus.protocols import Bus, Publisher
from telemetry.codec import encode
from telemetry.errors import BrokerUnavailable, RecordTooLarge
from telemetry.events import TextPolicy, now
from telemetry.files import write_renamed
from telemetry.forwarding.metrics import ForwarderCounts, ForwarderMetrics, oldest_of
from telemetry.forwarding.outgoing import Outgoing, dead_letter, to_record
from telemetry.forwarding.pace import LONGEST_S, Pace
from telemetry.forwarding.rollout_follower import RolloutFollower
from telemetry.forwarding.spools import Spools
from telemetry.metrics_address import MetricsSettings, metrics_served
from telemetry.spool.reader import Spooled, SpoolReader
from telemetry.tracing.export import NO_TRACES, Traces, traces_asked
from telemetry.tracing.of_interactions import spans_of

log = logging.getLogger(__name__)

_FIRST_WAIT_S: Final = 0.1
_LONGEST_WAIT_S: Final = 1.0
_DRAIN_S: Final = 5.0
_LOSSES: Final = 5


class ForwardSettings(MetricsSettings):
    """What the forwarder needs to know.

    `rollout_file` is set only where control runs on another machine: it is then this process that writes
    the file which the router reads, and into `table_file` (beside `rollout_file` alone) the word table that a worker
    made, the router's own `table_file`. `status_file` is rewritten once a second. A batch ends
    with `batch_records` records, or with the one that reaches `batch_bytes`.
    """

    spool_folder: Path
    bus: BusSettings = BusSettings()
    text_policy: TextPolicy = "redacted"
    source: str = "forwarder"
    status_file: Path | None = None
    rollout_file: Path | None = None
    table_file: Path | None = None
    batch_records: int = Field(default=500, ge=1)
    batch_bytes: int = Field(default=4 << 20, ge=1)
    poll_interval_s: float = Field(default=0.01, gt=0.0)

    @model_validator(mode="after")
    def _a_router_far_from_control(self) -> Self:
        if self.table_file is not None and self.rollout_file is None:
            raise ValueError(
                "table_file is set without rollout_file: where control and worker run on this machine, the worker "
                "writes the table itself (worker.table_file)"
            )
        return self


@dataclass(slots=True)
class Status:
    """What the forwarder says of itself; counts are since it started, but `dropped` and `lost` of the spool's life.

    `forwarded` counts the interactions acknowledged by the broker, `dead` the dead letters among what was
    sent, `dropped` the records that the quota cost, `torn` those half-written by a router that died. `lost` counts
    records that were written and are gone or damaged; it is never anything but 0 while all is well. `losses` has the
    latest of both kinds, by segment and numbers. `spool_error` says why the spool's cursor is not on the disk.
    """

    forwarded: int = 0
    dead: int = 0
    dropped: int = 0
    torn: int = 0
    lost: int = 0
    losses: list[dict[str, Any]] = field(default_factory=list)
    spool_error: str = ""
    waiting: int = 0
    lag_bytes: int = 0
    broker: str = "unknown"
    broker_error: str = ""
    time: str = ""


def run(settings: ForwardSettings, stop: threading.Event) -> None:
    """Forward until `stop` is set, then what is left in the spool if the broker answers.

    Raises SpoolError where the spool cannot be used and InfrastructureError where the broker refuses us; a
    broker that is away is waited for.
    """
    bus = KafkaBus(settings.bus)
    follower = None
    if settings.rollout_file is not None:
        follower = RolloutFollower(bus, settings.rollout_file, stop, settings.table_file)
    with Spools(settings.spool_folder) as spool:
        # Acknowledgements are waited for as long as a flush says; the client itself must not give up before.
        longest_ms = max(settings.bus.request_timeout_ms, round(1000 * LONGEST_S))
        patient = KafkaBus(settings.bus.model_copy(update={"request_timeout_ms": longest_ms}))
        traces = traces_asked("belay-forwarder")
        forwarder = Forwarder(settings, bus, spool, stop, patient.publisher(), traces)
        try:
            with metrics_served(settings, ForwarderMetrics(forwarder.status, forwarder.counts)):
                if follower is not None:
                    follower.start()
                forwarder.run(follower.check if follower is not None else lambda: None)
        finally:
            stop.set()
            forwarder.close()
            traces.close()
            if follower is not None:
                follower.join()


class Forwarder:
    """The loop around one router's spools. `bus` may be any bus."""

    def __init__(
        self,
        settings: ForwardSettings,
        bus: Bus,
        spool: SpoolReader | Spools,
        stop: threading.Event,
        publisher: Publisher | None = None,
        traces: Traces = NO_TRACES,
    ) -> None:
        self._settings = settings
        self._bus = bus
        self._spool = spool if isinstance(spool, Spools) else Spools(settings.spool_folder, spool)
        self._stop = stop
        self._traces = traces
        self._publisher = publisher or bus.publisher()
        self._pace = Pace(settings.batch_bytes, settings.bus.request_timeout_ms / 1000)
        self._topics_known = False
        self._status_written = 0.0
        self.status = Status()
        self.counts = ForwarderCounts()

    def run(self, check: Callable[[], None] = lambda: None) -> None:
        """Forward until told to stop; `check` is called with every round and may raise."""
        while not self._stop.is_set():
            check()
            self.tell()
            if not self.step():
                self._stop.wait(self._settings.poll_interval_s)
        self._drain()
        self.tell(at_once=True)

    def step(self) -> bool:
        """One batch from spool to broker, however long the broker is away; False where there was nothing.

        Returns without acknowledging when told to stop meanwhile: the next forwarder sends the batch again.
        """
        wait_s = _FIRST_WAIT_S
        while batch := self._spool.read(self._settings.batch_records, self._pace.bytes):
            self.status.waiting = len(batch)
            self.counts.oldest = oldest_of(batch)
            if self._try_publish(batch):
                self._acknowledge()
                self.status.waiting = 0
                return True
            self._spool.rewind()
            self.tell()
            if self._stop.wait(wait_s):
                return False
            wait_s = min(_LONGEST_WAIT_S, wait_s * 2)
        self.counts.oldest = None
        self._acknowledge()  # a torn tail or an emptied segment may lie behind
        return False

    def tell(self, *, at_once: bool = False) -> None:
        """Bring the status up to date and write its file, where a second has passed since the last time."""
        path, moment = self._settings.status_file, time.monotonic()
        if moment - self._status_written < 1.0 and not at_once:
            return
        self._status_written = moment
        self.status.lag_bytes = self._spool.lag_bytes()
        missing = self._spool.losses()
        self.status.dropped, self.status.torn, self.status.lost = missing.dropped, missing.torn, missing.lost
        self.status.losses = [loss.model_dump() for loss in missing.latest(_LOSSES)]
        self.status.time = now().isoformat()
        if path is None:
            return
        try:
            write_renamed(path, json.dumps(asdict(self.status)).encode())
        except OSError as error:
            # Forwarding matters more than saying so.
            log.warning("cannot write the status file %s: %s", path, error)

    def close(self) -> None:
        """Let go of the broker."""
        self._publisher.close()

    def _acknowledge(self) -> None:
        self._spool.acknowledge()
        trouble = self._spool.trouble
        if trouble and not self.status.spool_error:
            log.error("going on, but after a restart some is sent twice: %s", trouble)
        if self.status.spool_error and not trouble:
            log.warning("the spool's cursor is written again")
        self.status.spool_error = trouble

    def _try_publish(self, batch: list[Spooled]) -> bool:
        began, began_ns = time.monotonic(), time.time_ns()
        try:
            if not self._topics_known:
                self._bus.ensure_topics()
                self._topics_known = True
            sent = self._publish(batch)
        except BrokerUnavailable as error:
            if self.status.broker != "down":
                log.warning("holding %d records: %s", len(batch), error)
            self.status.broker, self.status.broker_error = "down", error.message
            self.counts.failures += 1
            self._topics_known = False  # an embedded broker comes back empty
            return False
        self._pace.succeeded()
        self.counts.took(time.monotonic() - began, sum(len(spooled.payload) for spooled in batch))
        self.status.broker, self.status.broker_error = "up", ""
        dead = sum(record.dead for record in sent)
        self.status.forwarded += len(batch) - dead
        self.status.dead += dead
        self._tell_traces(sent, (began_ns, time.time_ns()))
        return True

    def _tell_traces(self, sent: list[Outgoing], when: tuple[int, int]) -> None:
        """What the router did is told now as well: it has the time for requests alone."""
        sampling = self._traces.sampling
        if sampling is not None:
            events = (record.event for record in sent if record.event is not None)
            self._traces.emit(span for event in events for span in spans_of(event, sampling, when))

    def _to_record(self, spooled: Spooled) -> Outgoing:
        settings = self._settings
        return to_record(spooled, settings.text_policy, settings.source, self._traces.sampling)

    def _publish(self, batch: list[Spooled]) -> list[Outgoing]:
        """Publish the batch; what was sent of it."""
        records = [self._to_record(spooled) for spooled in batch]
        try:
            for record in records:
                self._publisher.send(record.encoded)
            self._flush(sum(record.encoded.size for record in records))
        except RecordTooLarge:
            return [self._publish_alone(spooled) for spooled in batch]
        return records

    def _publish_alone(self, spooled: Spooled) -> Outgoing:
        """Publish one record of a batch that has one too large for this broker; what was sent."""
        record = self._to_record(spooled)
        try:
            self._publisher.send(record.encoded)
            self._flush(record.encoded.size)
        except RecordTooLarge as error:
            letter = dead_letter(spooled, error.message, self._settings.text_policy, self._settings.source, 0)
            record = Outgoing(encode(letter), None)
            self._publisher.send(record.encoded)
            self._flush(0)
        return record

    def _flush(self, queued_bytes: int) -> None:
        try:
            self._publisher.flush(self._pace.flush_s)
        except BrokerUnavailable:
            self._pace.failed(queued_bytes)
            raise

    def _drain(self) -> None:
        deadline = time.monotonic() + _DRAIN_S
        while time.monotonic() < deadline and self.status.broker != "down" and not self.status.waiting:
            if not self.step():
                return
