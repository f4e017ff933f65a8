"""Writing to Kafka: what is flushed is acknowledged by all replicas."""

from __future__ import annotations

from typing import Any, Final, Self

from telemetry.bus.kafka_clients import KafkaClients, KafkaProducer
from telemetry.bus.protocols import Encoded, Record
from telemetry.errors import BelayError, RecordTooLarge

_GIVE_UP_S: Final = 2.0


class KafkaPublisher:
    """An idempotent producer with `acks=all`. After an error it starts anew with its next record."""

    def __init__(self, clients: KafkaClients) -> None:
        self._clients = clients
        self._producer: KafkaProducer | None = None
        self._futures: list[Any] = []

    def send(self, encoded: Encoded) -> None:
        """Queue a record. Raises BrokerUnavailable and RecordTooLarge."""
        self._send(encoded)

    def send_to(self, record: Record) -> None:
        """Queue a record for its own partition, with its own timestamp."""
        self._send(record, partition=record.partition, timestamp_ms=record.timestamp_ms)

    def _send(self, what: Encoded | Record, **place: int) -> None:
        try:
            with self._clients.failures(f"sending to {what.topic}"):
                if self._producer is None:
                    self._producer = self._clients.producer()
                future = self._producer.send(
                    self._clients.names.topic(what.topic),
                    value=what.value,
                    key=what.key,
                    headers=list(what.headers),
                    **place,
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
            with self._clients.failures(f"waiting {timeout_s:g} s for {len(futures)} acknowledgements"):
                self._producer.flush(timeout_s)
            failed = [future for future in futures if not future.succeeded()]
            if failed:
                doing = f"writing {len(futures)} records, {len(failed)} of which failed"
                raise self._clients.failure(failed[0].exception, doing)
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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
