"""A Kafka that is given to the tests is left as it was, and one that is somebody's is refused."""

from __future__ import annotations

import contextlib
import time

import pytest

from telemetry.bus.kafka_bus import KafkaBus
from telemetry.bus.settings import BusSettings
from telemetry.errors import TopicMissing, UsageError
from telemetry.events import new_id
from tests.given_kafka import GIVEN, forget, given_address, given_kafka

pytestmark = pytest.mark.kafka


def test_what_was_made_is_deleted_and_what_was_there_is_refused_and_stays(
    apache_kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(GIVEN, f" {apache_kafka} ")
    assert given_address() == apache_kafka
    there, made = (
        KafkaBus(BusSettings(bootstrap_servers=apache_kafka, namespace=f"t{new_id()}")) for _ in "ab"
    )
    there.ensure_topics()
    with given_kafka(made.settings.namespace):
        made.ensure_topics()
    _gone(made)
    with pytest.raises(UsageError, match=there.settings.namespace), given_kafka(there.settings.namespace):
        pass
    assert there.topic_id("belay.scores")
    forget(apache_kafka, there.settings.namespace)
    _gone(there)


def _gone(bus: KafkaBus) -> None:
    """Kafka deletes a topic a moment after it said that it has."""
    deadline = time.monotonic() + 10.0
    with contextlib.suppress(TopicMissing):
        while bus.topic_id("belay.scores"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
