"""What a collector exports, as Prometheus would read it."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

Series = dict[tuple[str, ...], float]
"""A value by its name and the values of its labels, in the labels' order of the alphabet."""


def exported(*collectors: Collector) -> Series:
    """Every series of these collectors, which must not be there twice."""
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    found: Series = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        assert family.documentation
        for sample in family.samples:
            key = (sample.name, *(sample.labels[label] for label in sorted(sample.labels)))
            assert key not in found
            found[key] = sample.value
    return found


def names(*collectors: Collector) -> set[str]:
    """The names of the series."""
    return {key[0] for key in exported(*collectors)}
