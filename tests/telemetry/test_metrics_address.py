from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from contextlib import closing

import pytest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from telemetry.errors import PortTaken, SettingsError
from telemetry.metrics_address import MetricsSettings, metrics_served


class One(Collector):
    broken = False

    def collect(self) -> Iterator[Metric]:
        if self.broken:
            raise KeyError("a rollout that has just gone")
        yield GaugeMetricFamily("belay_one", "A test's.", value=1.0)


def body(host: str, port: int | None) -> str:
    with closing(urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=5)) as answer:
        return str(answer.read().decode())


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_metrics_are_served_while_the_block_runs(host: str) -> None:
    with metrics_served(MetricsSettings(metrics_host=host, metrics_port=0), One()) as port:
        assert "belay_one 1.0" in body(f"[{host}]" if ":" in host else host, port)
    with pytest.raises(OSError, match="refused"):
        body("127.0.0.1", port)


def test_without_a_port_nothing_listens() -> None:
    with metrics_served(MetricsSettings(), One()) as port:
        assert port is None


def test_a_scrape_that_fails_costs_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    collector = One()
    with metrics_served(MetricsSettings(metrics_port=0), collector) as port:
        collector.broken = True
        with pytest.raises(OSError, match="500"):
            body("127.0.0.1", port)
        collector.broken = False
        assert "belay_one 1.0" in body("127.0.0.1", port)
    assert "KeyError" in capsys.readouterr().err


def test_a_port_that_is_taken_and_a_host_that_is_not_ours_are_told() -> None:
    with metrics_served(MetricsSettings(metrics_port=0), One()) as port:
        again = MetricsSettings(metrics_port=port)
        with pytest.raises(PortTaken, match=f"port {port} on 127.0.0.1, for metrics"), metrics_served(again):
            pass
    with (
        pytest.raises(SettingsError, match=r"192\.0\.2\.1"),
        metrics_served(MetricsSettings(metrics_host="192.0.2.1", metrics_port=0)),
    ):
        pass
