"""A histogram as plain counts: whoever measures adds one, Prometheus is handed the sums when it asks.

A bucket may have an example, an exemplar of OpenMetrics: the last value in it whose trace is kept.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, Final

from prometheus_client.core import Exemplar, HistogramMetricFamily
from prometheus_client.utils import floatToGoString

LATENCIES_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
"""What a person waits for: from what nobody notices to what everybody has given up on."""
AGES_S: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0)
"""How old something is when it arrives: in time, late, or after an outage."""
SUM: Final = "sum_us"
EXAMPLES: Final = "examples"
"""By a bucket's bound: the id of a trace, the value, and when it was seen (s since 1970)."""
_NO_NUMBERS: Final = frozenset({SUM, EXAMPLES})


class Buckets:
    """Counts of values by size, in seconds. One thread adds, any thread reads; a sum may be one value behind."""

    __slots__ = ("_bounds", "_counts", "_examples", "_sum")

    def __init__(self, bounds: Sequence[float] = LATENCIES_S) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0
        self._examples: dict[int, tuple[str, float, float]] = {}

    def see(self, value: float, trace_id: str | None = None) -> None:
        """Count a value; a bound belongs to the bucket below it, as Prometheus has it.

        `trace_id` is that of its trace, where one is kept.
        """
        bucket = bisect_left(self._bounds, value)
        self._counts[bucket] += 1
        self._sum += value
        if trace_id is not None:
            self._examples[bucket] = (trace_id, value, time.time())

    @property
    def count(self) -> int:
        """How many were seen."""
        return sum(self._counts)

    def told(self) -> dict[str, Any]:
        """How many are in each bucket, by its upper bound, and the sum in microseconds: whole numbers, to add up.

        Beside them `EXAMPLES`, where there are any.
        """
        names = [*map(floatToGoString, self._bounds), "+Inf"]
        told: dict[str, Any] = {**dict(zip(names, self._counts, strict=True)), SUM: round(self._sum * 1e6)}
        if self._examples:
            told[EXAMPLES] = {names[bucket]: list(example) for bucket, example in self._examples.items()}
        return told

    def into(self, family: HistogramMetricFamily, labels: Sequence[str] = ()) -> None:
        """Add what was counted to a family, under these values of its labels."""
        add_told(self.told(), family, labels)


def add_told(told: Mapping[str, Any], family: HistogramMetricFamily, labels: Sequence[str] = ()) -> None:
    """Add to a family what some `Buckets` told, or the sum of what several did."""
    names = [name for name in told if name not in _NO_NUMBERS]
    sums = accumulate(float(told[name]) for name in names)
    examples = told.get(EXAMPLES, {})
    buckets = [
        (name, upto, _exemplar(*examples[name])) if name in examples else (name, upto)
        for name, upto in zip(names, sums, strict=True)
    ]
    family.add_metric(labels, buckets=buckets, sum_value=told[SUM] / 1e6)


def _exemplar(trace_id: str, value: float, at: float) -> Exemplar:
    return Exemplar({"trace_id": trace_id}, value, at)
