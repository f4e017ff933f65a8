"""The one place that imports kafka: clients of a cluster, our names for its topics, our errors for its own.

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
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition  # noqa: TID251 (the one place)
from kafka import errors as kafka_errors  # noqa: TID251 (the one place)
from kafka.admin import ConfigResource  # noqa: TID251 (the one place)
from kafka.structs import OffsetAndMetadata  # noqa: TID251 (the one place)

from telemetry.bus.names import Names
from telemetry.bus.protocols import Start
from telemetry.bus.settings import BusSettings
from telemetry.errors import (
    BelayError,
    BrokerUnavailable,
    InfrastructureError,
    RecordTooLarge,
    SettingsError,
)

__all__ = [
    "ConfigResource",
    "KafkaAdminClient",
    "KafkaClients",
    "KafkaConsumer",
    "KafkaProducer",
    "OffsetAndMetadata",
    "TopicPartition",
    "kafka_errors",
]

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


class KafkaClients:
    """Makes clients of one cluster; it holds none itself. `names` are what our topics and groups are called there."""

    def __init__(self, settings: BusSettings) -> None:
        self.settings = settings
        self.names = Names(settings.namespace)
        if settings.ssl_cafile is not None and not settings.ssl_cafile.is_file():
            raise SettingsError(f"ssl_cafile names {settings.ssl_cafile}, which does not exist")

    @contextmanager
    def admin(self, doing: str) -> Iterator[KafkaAdminClient]:
        """A client for the cluster's own matters, and our errors for what goes wrong with it."""
        with self.failures(doing):
            client = KafkaAdminClient(**self.connection())
            try:
                yield client
            finally:
                client.close()

    def consumer(self, group: str | None, start: Start, **further: bool) -> KafkaConsumer:
        """A consumer that has no partitions yet; `further` are settings of kafka-python."""
        settings = self.settings
        return KafkaConsumer(
            **self.connection(),
            group_id=None if group is None else self.names.group(group),
            auto_offset_reset=start,
            enable_auto_commit=False,
            session_timeout_ms=settings.session_timeout_ms,
            heartbeat_interval_ms=settings.session_timeout_ms // 3,
            fetch_max_wait_ms=settings.fetch_max_wait_ms,
            allow_auto_create_topics=False,
            metrics_enabled=False,
            **further,
        )

    def producer(self) -> KafkaProducer:
        """A producer that is idempotent and waits for all replicas."""
        settings = self.settings
        return KafkaProducer(
            **self.connection(),
            acks="all",
            enable_idempotence=True,
            max_block_ms=settings.connect_timeout_ms,
            delivery_timeout_ms=2 * settings.request_timeout_ms,
            allow_auto_create_topics=False,
            # Batches rather than single records while a sender queues; flush does not wait for it.
            linger_ms=5,
            # The default, 16 kB, is a handful of interactions: a fifth of the forwarder's cost went into requests.
            batch_size=128 * 1024,
            metrics_enabled=False,
        )

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
        if isinstance(error, kafka_errors.UnsupportedCodecError):
            return InfrastructureError(
                f"{doing} at {where}: records are compressed by what cannot be read here: {error}",
                hint="Install that codec's package; `belay topics apply` has new records written as they come.",
            )
        return BrokerUnavailable(
            f"{doing}: no broker at {where} that can do it: {error}",
            hint=_HINT_OPEN if "bootstrap" in str(error) else _HINT,
        )
