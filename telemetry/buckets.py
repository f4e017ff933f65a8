"""A histogram as plain counts: whoever measures adds one, Prometheus is handed the sums when it asks."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Final

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.utils import floatToGoString

LATENCIES_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
"""What a person waits for: from what nobody notices to what everybody has given up on."""
AGES_S: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0)
"""How old something is when it arrives: in time, late, or after an outage."""
SUM: Final = "sum_us"


class Buckets:
    """Counts of values by size, in seconds. One thread adds, any thread reads; a sum may be one value behind."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: Sequence[float] = LATENCIES_S) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0

    def see(self, value: float) -> None:
        """Count a value; a bound belongs to the bucket below it, as Prometheus has it."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    @property
    def count(self) -> int:
        """How many were seen."""
        return sum(self._counts)

    def told(self) -> dict[str, int]:
        """How many are in each bucket, by its upper bound, and the sum in microseconds: whole numbers, to add up."""
        names = [*map(floatToGoString, self._bounds), "+Inf"]
        return {**dict(zip(names, self._counts, strict=True)), SUM: round(self._sum * 1e6)}

    def into(self, family: HistogramMetricFamily, labels: Sequence[str] = ()) -> None:
        """Add what was counted to a family, under these values of its labels."""
        add_told(self.told(), family, labels)


def add_told(told: Mapping[str, int], family: HistogramMetricFamily, labels: Sequence[str] = ()) -> None:
    """Add to a family what some `Buckets` told, or the sum of what several did."""
    names = [name for name in told if name != SUM]
    sums = accumulate(float(told[name]) for name in names)
    family.add_metric(labels, buckets=list(zip(names, sums, strict=True)), sum_value=told[SUM] / 1e6)
