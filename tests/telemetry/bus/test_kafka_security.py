from collections.abc import Iterator
from pathlib import Path

import pytest

from telemetry.bus.kafka_bus import BusSettings, KafkaBus
from telemetry.bus.protocols import Encoded
from telemetry.errors import InfrastructureError
from telemetry.topics import SCORES
from tests.conftest import running_kafka

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[BusSettings]:
    """Settings for an Apache Kafka that wants TLS and a password."""
    folder = tmp_path / "cluster"
    with running_kafka(folder, "--sasl", "alice:wonder", "--tls") as address:
        yield BusSettings(
            bootstrap_servers=address,
            security_protocol="SASL_SSL",
            sasl_mechanism="SCRAM-SHA-256",
            sasl_username="alice",
            sasl_password="wonder",
            ssl_cafile=folder / "ca.pem",
        )


def test_a_cluster_with_tls_and_password_is_used_and_a_wrong_password_is_said(secured: BusSettings) -> None:
    bus = KafkaBus(secured)
    bus.ensure_topics()
    with bus.reader([SCORES]) as reader, bus.publisher() as publisher:
        publisher.send(Encoded(SCORES, b"k", (), b"v"))
        publisher.flush()
        records = []
        for _ in range(100):
            records += reader.poll(0.1)
            if records:
                break
        assert [record.value for record in records] == [b"v"]
    wrong = KafkaBus(BusSettings(**{**dict(secured), "sasl_password": "wrong", "connect_timeout_ms": 3000}))
    with pytest.raises(InfrastructureError, match=secured.bootstrap_servers) as caught:
        wrong.ensure_topics()
    assert "check security_protocol, the sasl_* settings" in str(caught.value)
