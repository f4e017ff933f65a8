"""An Apache Kafka that is already there: `BELAY_TEST_KAFKA=host:port`. It is used, never killed, and left as it was."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from telemetry.bus.kafka_clients import KafkaClients
from telemetry.bus.settings import BusSettings
from telemetry.errors import UsageError

GIVEN: Final = "BELAY_TEST_KAFKA"


def given_address() -> str:
    """Its `host:port`; empty where none is given."""
    return os.environ.get(GIVEN, "").strip()


@contextmanager
def given_kafka(namespace: str) -> Iterator[str]:
    """Its `host:port`; at the end the topics that were made meanwhile are gone again.

    Raises UsageError where it has some of the namespace already: they would be somebody's.
    """
    address = given_address()
    before = _topics(address)
    if found := _topics(address, f"{namespace}."):
        raise UsageError(
            f"the Kafka of {GIVEN}, {address}, has topics of the namespace {namespace!r}: {', '.join(found)}",
            hint="Tests write to them, and delete what they made: give a Kafka that is for tests alone.",
        )
    try:
        yield address
    finally:
        _delete(address, [name for name in _topics(address) if name not in before])


def forget(address: str, namespace: str) -> None:
    """Delete the topics of a namespace."""
    _delete(address, _topics(address, f"{namespace}."))


def _topics(address: str, prefix: str = "") -> list[str]:
    """Those that begin so; Kafka's own begin with two underscores."""
    with _clients(address).admin("looking for topics") as admin:
        return sorted(n for n in admin.list_topics() if n.startswith(prefix) and not n.startswith("__"))


def _delete(address: str, names: list[str]) -> None:
    if names:
        with _clients(address).admin("deleting the tests' topics") as admin:
            admin.delete_topics(names)


def _clients(address: str) -> KafkaClients:
    return KafkaClients(BusSettings(bootstrap_servers=address))
