"""What the forwarder says to Prometheus: what left, what did not, how old it is, and what the spool lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from telemetry.buckets import AGES_S, LATENCIES_S, Buckets
from telemetry.errors import UnreadableRecord
from telemetry.spool.raw_record import unpack
from telemetry.spool.reader import Spooled

if TYPE_CHECKING:  # it is the forwarder that counts
    from telemetry.forwarding.forwarder import Status


@dataclass(slots=True)
class ForwarderCounts:
    """What the forwarder counts for its metrics alone.

    `oldest` is when the oldest record was made that the broker does not have (s since 1970), None where it has all.
    `failures` are batches that did not get through, `seconds` how long those took that did, `ages` how old the oldest
    record of each was then.
    """

    sent_bytes: int = 0
    failures: int = 0
    oldest: float | None = None
    seconds: Buckets = field(default_factory=lambda: Buckets(LATENCIES_S))
    ages: Buckets = field(default_factory=lambda: Buckets(AGES_S))

    def took(self, seconds: float, sent_bytes: int) -> None:
        """A batch got through."""
        self.sent_bytes += sent_bytes
        self.seconds.see(seconds)
        if self.oldest is not None:
            self.ages.see(max(0.0, time.time() - self.oldest))


def oldest_of(batch: Sequence[Spooled]) -> float:
    """When the oldest of a batch was made (s since 1970): of each spool the first one is the oldest."""
    firsts = {spooled.spool: spooled for spooled in reversed(batch)}
    return min(map(_made_at, firsts.values()))


def _made_at(spooled: Spooled) -> float:
    """When a record was made; of one that cannot be read, now."""
    try:
        return datetime.fromisoformat(str(unpack(spooled.payload).meta.get("time"))).timestamp()
    except (UnreadableRecord, ValueError):
        return time.time()


class ForwarderMetrics(Collector):
    """Collects from one forwarder."""

    def __init__(
        self, status: Status, counts: ForwarderCounts, clock: Callable[[], float] = time.time
    ) -> None:
        self._status, self._counts, self._clock = status, counts, clock

    def collect(self) -> Iterator[Metric]:
        """All figures, as prometheus_client asks for them."""
        status, counts = self._status, self._counts
        oldest = counts.oldest
        waits_s = 0.0 if oldest is None else max(0.0, self._clock() - oldest)
        for name, text, count in (
            ("belay_forwarder_records", "Records that the broker has.", status.forwarded + status.dead),
            ("belay_forwarder_bytes", "Bytes of the spool that the broker has.", counts.sent_bytes),
            ("belay_forwarder_failures", "Batches that did not get through.", counts.failures),
            ("belay_spool_torn", "Half records that a killed router left.", status.torn),
        ):
            yield CounterMetricFamily(name, text, value=count)
        dead = CounterMetricFamily(
            "belay_dead_letters", "Records that could not be used, by who read them.", labels=["stage"]
        )
        dead.add_metric(["forwarder"], status.dead)
        yield dead
        for name, text, value in (
            ("belay_forwarder_broker_up", "1 where the last batch got through.", status.broker != "down"),
            ("belay_forwarder_oldest_unsent_seconds", "Age of the oldest record not sent.", waits_s),
            (
                "belay_spool_unsent_bytes",
                "Bytes in the spool that the broker does not have.",
                status.lag_bytes,
            ),
            ("belay_spool_cursor_unwritten", "1 where a restart would send twice.", bool(status.spool_error)),
        ):
            yield GaugeMetricFamily(name, text, value=float(value))
        yield _histogram(
            "belay_forwarder_batch_seconds", "How long a batch took to be acknowledged.", counts.seconds
        )
        yield _histogram(
            "belay_forwarder_record_age_seconds",
            "Age of each batch's oldest record when it was sent.",
            counts.ages,
        )


def _histogram(name: str, text: str, buckets: Buckets) -> Metric:
    family = HistogramMetricFamily(name, text)
    buckets.into(family)
    return family
