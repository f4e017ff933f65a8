"""Kafka behind the bus protocols; the same code for Tansu and Apache Kafka.

What kafka-python and the brokers do that one would not expect:
- its default `fetch_max_wait_ms` of 500 becomes the latency as soon as partitions have several leaders;
- a group join on Tansu takes half the session timeout, hence 6 s where the default is 45;
- Tansu's ListOffsets names the start of the last batch plus one as a partition's end; the high watermark
  that comes with a fetch is right on both, so an end is asked for with a fetch;
- a client that finds no broker when it is made leaves a thread behind that looks for one for ever, hence the
  plain connection that is tried first;
- a producer that lost its broker cannot be closed without waiting, unless its sender is told to give up.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, Self

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition  # noqa: TID251 (the one place)
from kafka import errors as kafka_errors  # noqa: TID251 (the one place)
from kafka.structs import OffsetAndMetadata  # noqa: TID251 (the one place)

from telemetry.bus.protocols import Encoded, Record, Start
from telemetry.bus.settings import BusSettings
from telemetry.errors import (
    BelayError,
    BrokerUnavailable,
    InfrastructureError,
    RecordTooLarge,
    SettingsError,
    TopicMissing,
)
from telemetry.topics import TOPICS

__all__ = ["BusSettings", "KafkaBus", "KafkaPublisher", "KafkaReader", "TopicPartition"]

_GIVE_UP_S: Final = 2.0
_HINT: Final = (
    "Is it running, and are address and security_protocol right? `belay broker` starts one on this machine."
)
# kafka-python gives one error for a wrong password, a wrong certificate and a server that is no Kafka.
_HINT_OPEN: Final = "It accepts connections: check security_protocol, the sasl_* settings and ssl_cafile."
_REFUSED: Final = (
    kafka_errors.AuthorizationError,
    kafka_errors.SaslAuthenticationFailedError,
    kafka_errors.UnsupportedSaslMechanismError,
)
_TOO_LARGE: Final = (kafka_errors.MessageSizeTooLargeError, kafka_errors.RecordListTooLargeError)


class KafkaBus:
    """A Kafka cluster. It holds no connection itself; each publisher and reader has its own."""

    def __init__(self, settings: BusSettings) -> None:
        self.settings = settings
        if settings.ssl_cafile is not None and not settings.ssl_cafile.is_file():
            raise SettingsError(f"ssl_cafile names {settings.ssl_cafile}, which does not exist")

    def ensure_topics(self) -> None:
        """Create those of `topics.TOPICS` that are missing and wait until they have leaders."""
        with self.admin("creating topics") as admin:
            present = set(admin.list_topics())
            missing = {
                topic.name: {
                    "num_partitions": topic.partitions,
                    "replication_factor": self.settings.replication_factor,
                    "configs": {"cleanup.policy": "compact"} if topic.compacted else {},
                }
                for topic in TOPICS
                if topic.name not in present
            }
            if missing:
                _create(admin, missing)

    def publisher(self) -> KafkaPublisher:
        """A new publisher; it looks for the broker when it first sends."""
        return KafkaPublisher(self)

    def reader(
        self, topics: Sequence[str], group: str | None = None, start: Start = "earliest"
    ) -> KafkaReader:
        """A new reader; see `bus.Bus.reader`."""
        return KafkaReader(self, topics, group, start)

    @contextmanager
    def admin(self, doing: str) -> Iterator[KafkaAdminClient]:
        """A client for the cluster's own matters, and our errors for what goes wrong with it."""
        with self.failures(doing):
            client = KafkaAdminClient(**self.connection())
            try:
                yield client
            finally:
                client.close()

    def connection(self) -> dict[str, Any]:
        """What every client of kafka-python is given. Raises BrokerUnavailable where nobody listens."""
        s = self.settings
        self._check_reachable()
        options: dict[str, Any] = {
            "bootstrap_servers": s.bootstrap_servers.split(","),
            "client_id": s.client_id,
            "security_protocol": s.security_protocol,
            "bootstrap_timeout_ms": s.connect_timeout_ms,
            "request_timeout_ms": s.request_timeout_ms,
            # The default is 30 s; a broker that is back is to be noticed at once.
            "reconnect_backoff_max_ms": 1000,
        }
        if s.ssl_cafile is not None:
            options["ssl_cafile"] = str(s.ssl_cafile)
        if s.sasl_mechanism is not None and s.sasl_password is not None:
            options["sasl_mechanism"] = s.sasl_mechanism
            options["sasl_plain_username"] = s.sasl_username
            options["sasl_plain_password"] = s.sasl_password.get_secret_value()
        return options

    def _check_reachable(self) -> None:
        """Raise BrokerUnavailable unless one of the addresses accepts a connection."""
        reasons = []
        for address in self.settings.bootstrap_servers.split(","):
            host, _, port = address.rpartition(":")
            try:
                socket.create_connection(
                    (host.strip("[]"), int(port)), self.settings.connect_timeout_ms / 1000
                ).close()
            except OSError as error:
                reasons.append(f"{address}: {error.strerror or error}")
            else:
                return
        raise BrokerUnavailable(f"no broker answers at {'; '.join(reasons)}", hint=_HINT)

    @contextmanager
    def failures(self, doing: str) -> Iterator[None]:
        """Turn kafka-python's errors into ours."""
        try:
            yield
        except kafka_errors.KafkaError as error:
            raise self.failure(error, doing) from error

    def failure(self, error: BaseException | None, doing: str) -> BelayError:
        """Our error for one of kafka-python's."""
        where = self.settings.bootstrap_servers
        if isinstance(error, _TOO_LARGE):
            return RecordTooLarge(f"{doing} at {where}: a record is larger than the broker takes: {error}")
        if isinstance(error, _REFUSED):
            return InfrastructureError(
                f"{doing}: the broker at {where} refuses us: {error}",
                hint="Check sasl_username, sasl_password, sasl_mechanism and what this user may do.",
            )
        return BrokerUnavailable(
            f"{doing}: no broker at {where} that can do it: {error}",
            hint=_HINT_OPEN if "bootstrap" in str(error) else _HINT,
        )


def _create(admin: KafkaAdminClient, topics: dict[str, dict[str, Any]]) -> None:
    try:
        admin.create_topics(topics, wait_for_metadata=True)
    except kafka_errors.TopicAlreadyExistsError:
        # Another process was faster with some of them; those left are created one by one.
        if len(topics) > 1:
            for name, layout in topics.items():
                _create(admin, {name: layout})


class KafkaPublisher:
    """An idempotent producer with `acks=all`. After an error it starts anew with its next record."""

    def __init__(self, bus: KafkaBus) -> None:
        self._bus = bus
        self._producer: KafkaProducer | None = None
        self._futures: list[Any] = []

    def send(self, encoded: Encoded) -> None:
        """Queue a record. Raises BrokerUnavailable and RecordTooLarge."""
        try:
            with self._bus.failures(f"sending to {encoded.topic}"):
                if self._producer is None:
                    self._producer = self._new_producer()
                future = self._producer.send(
                    encoded.topic, value=encoded.value, key=encoded.key, headers=list(encoded.headers)
                )
        except RecordTooLarge:
            raise
        except BelayError:
            self.close()
            raise
        self._futures.append(future)

    def flush(self, timeout_s: float = 10.0) -> None:
        """Return when all that was queued is acknowledged, else raise BrokerUnavailable."""
        futures, self._futures = self._futures, []
        if not futures or self._producer is None:
            return
        try:
            with self._bus.failures(f"waiting {timeout_s:g} s for {len(futures)} acknowledgements"):
                self._producer.flush(timeout_s)
            failed = [future for future in futures if not future.succeeded()]
            if failed:
                doing = f"writing {len(futures)} records, {len(failed)} of which failed"
                raise self._bus.failure(failed[0].exception, doing)
        except BelayError:
            self.close()
            raise

    def close(self) -> None:
        """Drop what was not flushed and let go of the broker."""
        producer, self._producer, self._futures = self._producer, None, []
        if producer is None:
            return
        # close() alone waits for what is pending and, where that cannot be sent, gives up without closing.
        producer._sender.force_close()
        producer._sender.join(_GIVE_UP_S)
        producer.close(timeout=0)

    def _new_producer(self) -> KafkaProducer:
        settings = self._bus.settings
        return KafkaProducer(
            **self._bus.connection(),
            acks="all",
            enable_idempotence=True,
            max_block_ms=settings.connect_timeout_ms,
            delivery_timeout_ms=2 * settings.request_timeout_ms,
            allow_auto_create_topics=False,
            # Batches rather than single records while a sender queues; flush does not wait for it.
            linger_ms=5,
            metrics_enabled=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class KafkaReader:
    """A consumer: all partitions by hand without a group, subscribed with one."""

    def __init__(self, bus: KafkaBus, topics: Sequence[str], group: str | None, start: Start) -> None:
        self._bus, self._group, self._topics = bus, group, tuple(topics)
        self._probe: KafkaConsumer | None = None
        with bus.failures(f"reading {', '.join(topics)}"):
            self._consumer = self._new_consumer(group, start)
            try:
                self._partitions = self._find_partitions()
                if group is None:
                    self._consumer.assign(self._partitions)
                    self._seek_to(start)
                else:
                    self._consumer.subscribe(list(topics))
            except BaseException:
                self.close()
                raise

    def poll(self, timeout_s: float = 1.0) -> list[Record]:
        """The next records; an empty list where none came within the time, or while the broker is away.

        Raises TopicMissing once the broker has said that a topic is no more.
        """
        with self._bus.failures("polling"):
            batches = self._consumer.poll(timeout_ms=round(timeout_s * 1000))
            if not batches:
                # kafka-python reads a topic that was deleted as one in which nothing comes.
                self._find_partitions()
        return [_record(message) for batch in batches.values() for message in batch]

    def joined(self) -> bool:
        """Whether the group has given this reader partitions."""
        return bool(self._consumer.assignment())

    def commit(self, done: Mapping[tuple[str, int], int] | None = None) -> None:
        """Commit what `poll` returned so far, or what is `done` of the partitions that are still this reader's."""
        if self._group is None:
            raise InfrastructureError("a reader without a group has nothing to commit to")
        offsets = None
        if done is not None:
            held = self._consumer.assignment()
            named = {TopicPartition(*partition): offset for partition, offset in done.items()}
            offsets = {p: OffsetAndMetadata(offset, "", -1) for p, offset in named.items() if p in held}
            if not offsets:
                return
        with self._bus.failures(f"committing for group {self._group}"):
            self._consumer.commit(offsets, timeout_ms=self._bus.settings.request_timeout_ms)

    def end_offsets(self) -> dict[tuple[str, int], int]:
        """The high watermark of every partition."""
        with self._bus.failures("asking for the ends"):
            listed = self._asking().end_offsets(self._partitions, self._bus.settings.request_timeout_ms)
            marks = _fetched_from(self._asking(), listed, self._bus.settings.request_timeout_ms).marks
        return {(p.topic, p.partition): max(listed[p], mark) for p, mark in marks.items()}

    def begin_offsets(self) -> dict[tuple[str, int], int]:
        """The log start offset of every partition."""
        with self._bus.failures("asking for the beginnings"):
            begins = self._asking().beginning_offsets(self._partitions, self._bus.settings.request_timeout_ms)
        return {(p.topic, p.partition): begin for p, begin in begins.items()}

    def positions(self) -> dict[tuple[str, int], int]:
        """Where each partition that this reader holds will be fetched from."""
        with self._bus.failures("asking for the positions"):
            places = {
                p: self._consumer.position(p, timeout_ms=self._bus.settings.request_timeout_ms)
                for p in self._consumer.assignment()
            }
        return {(p.topic, p.partition): place for p, place in places.items() if place is not None}

    def holds_from(self, topic: str, partition: int, offset: int) -> bool:
        """Whether a fetch of this partition alone, from this offset, is answered with anything."""
        where = TopicPartition(topic, partition)
        with self._bus.failures("asking for what is left"):
            # Alone: where several are asked for, one may fill the answer.
            answer = _fetched_from(self._asking(), {where: offset}, self._bus.settings.request_timeout_ms)
        return answer.found or answer.places[where] > offset

    def seek(self, topic: str, partition: int, offset: int) -> None:
        """Go on from this offset."""
        with self._bus.failures("seeking"):
            self._consumer.seek(TopicPartition(topic, partition), offset)

    def close(self) -> None:
        """Leave the group, if any; nothing is committed by closing."""
        for consumer in (self._consumer, self._probe):
            if consumer is not None:
                consumer.close(autocommit=False, timeout_ms=_GIVE_UP_S * 1000)

    def _asking(self) -> KafkaConsumer:
        """A consumer beside the one that reads, for questions."""
        if self._probe is None:
            # Within a session a broker leaves out what has not changed, so that a question asked twice has no answer.
            self._probe = self._new_consumer(None, "earliest", enable_incremental_fetch_sessions=False)
        return self._probe

    def _new_consumer(self, group: str | None, start: Start, **further: bool) -> KafkaConsumer:
        settings = self._bus.settings
        return KafkaConsumer(
            **self._bus.connection(),
            group_id=group,
            auto_offset_reset=start,
            enable_auto_commit=False,
            session_timeout_ms=settings.session_timeout_ms,
            heartbeat_interval_ms=settings.session_timeout_ms // 3,
            fetch_max_wait_ms=settings.fetch_max_wait_ms,
            allow_auto_create_topics=False,
            metrics_enabled=False,
            **further,
        )

    def _find_partitions(self) -> list[TopicPartition]:
        found = []
        for topic in self._topics:
            numbers = self._consumer.partitions_for_topic(topic)
            if not numbers:
                raise TopicMissing(
                    f"the broker at {self._bus.settings.bootstrap_servers} has no topic {topic!r}",
                    hint="Call ensure_topics() first, or create it where this user may not.",
                )
            found += [TopicPartition(topic, number) for number in sorted(numbers)]
        return found

    def _seek_to(self, start: Start) -> None:
        if start == "earliest":
            self._consumer.seek_to_beginning(*self._partitions)
            return
        for (topic, partition), end in self.end_offsets().items():
            self._consumer.seek(TopicPartition(topic, partition), end)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class _Answer(NamedTuple):
    """What a fetch said: high watermarks, whether there were records, and where the reader stands after it."""

    marks: dict[TopicPartition, int]
    found: bool
    places: dict[TopicPartition, int]


def _fetched_from(consumer: KafkaConsumer, places: Mapping[TopicPartition, int], timeout_ms: int) -> _Answer:
    """Fetch each partition from its place until all have been answered for."""
    consumer.assign([])
    consumer.assign(list(places))  # forgets the watermarks of the last time
    for partition, place in places.items():
        consumer.seek(partition, place)
    deadline = time.monotonic() + timeout_ms / 1000
    found = False
    while True:
        found = bool(consumer.poll(timeout_ms=5)) or found
        marks = {partition: consumer.highwater(partition) for partition in places}
        if all(mark is not None for mark in marks.values()):
            # What came with the last of the answers is handed out by the next poll.
            found = bool(consumer.poll(timeout_ms=0)) or found
            return _Answer(marks, found, {p: consumer.position(p, timeout_ms) for p in places})
        if time.monotonic() > deadline:
            raise kafka_errors.KafkaTimeoutError(f"no fetch was answered within {timeout_ms} ms")


def _record(message: Any) -> Record:
    return Record(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        key=message.key,
        headers=tuple(message.headers),
        value=message.value,
        timestamp_ms=message.timestamp,
    )
