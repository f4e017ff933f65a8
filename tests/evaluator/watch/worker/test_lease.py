"""One decider at a time."""

from __future__ import annotations

import pytest

from evaluator.watch.worker.lease import Lease
from telemetry.bus.kafka_bus import BusSettings, KafkaBus


@pytest.mark.kafka
def test_a_lease_is_taken_at_once_where_nobody_has_it_and_after_the_first_has_let_go(
    apache_kafka: str,
) -> None:
    bus = KafkaBus(BusSettings(bootstrap_servers=apache_kafka, namespace="lease"))
    bus.ensure_topics()
    for _ in range(2):
        with Lease(bus) as lease:
            # A poll that is given no time never ends a join: the group began anew twenty times a second.
            assert any(lease.held() for _ in range(10))
