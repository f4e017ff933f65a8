"""Records that are deleted before their time."""

from __future__ import annotations

import pytest

from telemetry import topics
from telemetry.bus.catching_up import read_to_end
from telemetry.bus.kafka_bus import BusSettings, KafkaBus
from telemetry.bus.protocols import Encoded
from telemetry.events import new_id


@pytest.mark.kafka
def test_what_lies_before_an_offset_goes_and_the_rest_stays(apache_kafka: str) -> None:
    bus = KafkaBus(BusSettings(bootstrap_servers=apache_kafka, namespace=f"t{new_id()}"))
    bus.ensure_topics()
    with bus.publisher() as publisher:
        for number in range(3):
            publisher.send(Encoded(topics.SCORES, b"k", (), str(number).encode()))
        publisher.flush()
    bus.delete_before(topics.SCORES, {0: 2})
    with bus.reader([topics.SCORES]) as reader:
        assert [record.value for record in read_to_end(reader)] == [b"2"]
