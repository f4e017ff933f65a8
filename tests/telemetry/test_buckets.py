from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from telemetry.buckets import EXAMPLES, Buckets
from tests.exported import exported


class Seen(Collector):
    def __init__(self, buckets: Buckets) -> None:
        self.buckets = buckets

    def collect(self) -> Iterator[Metric]:
        family = HistogramMetricFamily("belay_x_seconds", "A test's.", labels=["arm"])
        self.buckets.into(family, ["control"])
        yield family


def test_buckets_are_told_as_sums_and_a_bound_belongs_to_the_bucket_below_it() -> None:
    buckets = Buckets((0.5, 1.0))
    for value in (0.1, 0.5, 0.7, 30.0):
        buckets.see(value)
    assert buckets.count == 4
    assert exported(Seen(buckets)) == {
        ("belay_x_seconds_bucket", "control", "0.5"): 2.0,
        ("belay_x_seconds_bucket", "control", "1.0"): 3.0,
        ("belay_x_seconds_bucket", "control", "+Inf"): 4.0,
        ("belay_x_seconds_count", "control"): 4.0,
        ("belay_x_seconds_sum", "control"): 31.3,
    }


def test_nothing_seen_is_a_series_of_zeros() -> None:
    assert set(exported(Seen(Buckets((1.0,)))).values()) == {0.0}


def test_a_bucket_has_the_last_value_whose_trace_is_kept_as_its_example() -> None:
    buckets = Buckets((0.5, 1.0))
    for value, trace in ((0.1, "a"), (0.2, "b"), (0.3, None), (2.0, "c")):
        buckets.see(value, trace)
    (family,) = Seen(buckets).collect()
    found = {s.labels["le"]: s.exemplar for s in family.samples if s.exemplar is not None}
    assert {le: (one.labels, one.value) for le, one in found.items()} == {
        "0.5": ({"trace_id": "b"}, 0.2),
        "+Inf": ({"trace_id": "c"}, 2.0),
    }
    assert EXAMPLES not in Buckets().told()
