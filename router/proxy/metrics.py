"""What the router says to Prometheus: the figures of its status, under names that stay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, choose_encoder
from prometheus_client.registry import Collector

from telemetry.buckets import add_told

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
_OPEN_METRICS: Final = "application/openmetrics-text"

_LABELLED: Final = (
    ("belay_requests", "arm", "requests", "Requests by assigned arm."),
    ("belay_fallbacks", "reason", "fallback_reasons", "Answers by base for a candidate that failed."),
    ("belay_wrong_model", "arm", "wrong_model", "Answers as another model than the arm has, by arm."),
    ("belay_breaker_opened", "arm", "breakers_opened", "How often an arm was not asked for a while."),
    ("belay_replica_retries", "arm", "replica_retries", "Requests sent to a second replica of their arm."),
    ("belay_replica_retries_refused", "arm", "replica_retries_refused", "Those not sent for want of budget."),
    ("belay_shadows_failed", "arm", "shadows_failed", "Shadows without an answer, by arm."),
)
_COUNTERS: Final = (
    ("belay_base_down", "base_down", "Requests that no engine answered."),
    ("belay_retries", "retries", "Requests sent again on a fresh connection."),
    ("belay_retries_refused", "retries_refused", "Requests not sent again for want of budget."),
    ("belay_client_left", "client_left", "Clients that left before the end."),
    ("belay_cut", "cut", "Answers in flight that the router's end has cut."),
    ("belay_recorded", "recorded", "Interactions written to the spool."),
    ("belay_unrecorded", "unrecorded", "Interactions that the spool did not take."),
    ("belay_shadows", "shadows", "Requests also sent to the other arm."),
    ("belay_shadows_skipped", "shadows_skipped", "Shadows given up for want of room."),
    ("belay_shadows_recorded", "shadows_recorded", "Answers of shadows written to the spool."),
    ("belay_shadows_unrecorded", "shadows_unrecorded", "Answers of shadows that the spool did not take."),
    ("belay_passed", "passed", "Requests passed to base unrecorded."),
    ("belay_rollout_file_unreadable", "rollout_file_unreadable", "Broken rollout files."),
)
_GAUGES: Final = (
    ("belay_rollout_share", "share", "Fraction of subjects that the candidate has."),
    ("belay_rollout_stage", "stage", "Stage of the rollout."),
    ("belay_rollout_revision", "revision", "Revision of the rollout's state in force."),
)


_OF_REPLICAS: Final = (
    (GaugeMetricFamily, "in_flight", "Requests in flight, by replica."),
    (GaugeMetricFamily, "ejected", "Processes of the router that do not ask a replica."),
    (CounterMetricFamily, "asked", "Requests, by replica."),
    (CounterMetricFamily, "failed", "Requests that failed, by replica."),
    (CounterMetricFamily, "ejections", "How often a replica was not asked for a while."),
)
_OF_THE_ROUTER: Final = (
    ("belay_spool_dropped", "dropped", "Records that the spool's quota has cost."),
    ("belay_spool_lost", "lost", "Records that the forwarder found missing in the spool."),
    ("belay_overloaded", "overloaded", "Requests refused because too many were being answered."),
    ("belay_unrouted", "unrouted", "Requests for a model that no route has."),
)
_ROUTE: Final = "route"
_DENIED: Final = "Requests without a key that is known, or beyond its limits."


class Metrics(Collector):
    """The metrics of one router, out of its status at the moment of a scrape. Counters get `_total` by the format."""

    def __init__(self, status: Callable[[], dict[str, Any]]) -> None:
        self._status = status
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def text(self, accepted: str = "") -> tuple[str, bytes]:
        """The content type and body of GET /metrics: Prometheus' text format, or OpenMetrics where that is accepted.

        Only the latter has the examples of buckets.
        """
        if _OPEN_METRICS in accepted:
            encode, kind = choose_encoder(accepted)
            return kind, encode(self._registry)
        return CONTENT_TYPE, generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """All figures, as prometheus_client asks for them."""
        state = self._status()
        for name, key, text in _OF_THE_ROUTER:
            yield CounterMetricFamily(name, text, value=state[key])
        denied = CounterMetricFamily("belay_denied", _DENIED, labels=["reason"])
        for reason, count in state["denied"].items():
            denied.add_metric([reason], count)
        yield denied
        yield GaugeMetricFamily("belay_in_flight", "Requests being answered.", value=state["in_flight"])
        quota = state["spool_quota_bytes"]
        yield GaugeMetricFamily("belay_spool_quota_bytes", "What the spool may hold at most.", value=quota)
        yield from _of_routes(state["routes"])
        yield from _of_answers(state["routes"])
        yield from _of_replicas(state["routes"])
        yield from _of_workers(state.get("workers"))

    def describe(self) -> Iterator[Metric]:
        """Nothing beforehand: a registry that asks would collect before the router is made."""
        return iter(())


def _of_routes(routes: dict[str, dict[str, Any]]) -> Iterator[Metric]:
    for name, label, key, text in _LABELLED:
        family = CounterMetricFamily(name, text, labels=[_ROUTE, label])
        for route, state in routes.items():
            for value, count in state[key].items():
                family.add_metric([route, value], count)
        yield family
    for kind, each in ((CounterMetricFamily, _COUNTERS), (GaugeMetricFamily, _GAUGES)):
        for name, key, text in each:
            plain = kind(name, text, labels=[_ROUTE])
            for route, state in routes.items():
                plain.add_metric([route], state[key])
            yield plain


def _of_answers(routes: dict[str, dict[str, Any]]) -> Iterator[Metric]:
    """What became of answers, and how long they took: by the arm whose answer it is."""
    labels = [_ROUTE, "arm"]
    ended = CounterMetricFamily(
        "belay_answers", "Answers by how they ended, by the arm that gave them.", labels=[*labels, "outcome"]
    )
    first = HistogramMetricFamily(
        "belay_first_byte_seconds", "From asking an arm to its first byte.", labels=labels
    )
    total = HistogramMetricFamily(
        "belay_answer_seconds", "From asking an arm to the end of a whole answer.", labels=labels
    )
    for route, state in routes.items():
        for arm, told in state["answers"].items():
            for outcome, count in told["ended"].items():
                ended.add_metric([route, arm, outcome], count)
            add_told(told["first_byte"], first, [route, arm])
            add_told(told["total"], total, [route, arm])
    yield from (ended, first, total)


def _of_replicas(routes: dict[str, dict[str, Any]]) -> Iterator[Metric]:
    """Of arms that have several; the label is the address of each."""
    for kind, key, text in _OF_REPLICAS:
        family = kind(f"belay_replica_{key}", text, labels=[_ROUTE, "arm", "replica"])
        for route, state in routes.items():
            for arm, replicas in state["replicas"].items():
                for replica, told in replicas.items():
                    # One that only an ended worker had is asked by nobody.
                    family.add_metric([route, arm, replica], told.get(key, 0))
        yield family


def _of_workers(workers: dict[str, int] | None) -> Iterator[Metric]:
    """Nothing of a router that is one process."""
    if workers is not None:
        yield GaugeMetricFamily("belay_workers", "Processes that answer.", value=workers["alive"])
        text = "Processes that died and were replaced."
        yield CounterMetricFamily("belay_worker_restarts", text, value=workers["restarts"])
