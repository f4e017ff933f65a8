"""Traces that go nowhere and are looked at."""

from __future__ import annotations

from collections.abc import Iterable

from telemetry.tracing.context import Sampling
from telemetry.tracing.spans import Span


class Kept:
    """Keeps what it is told, and makes no secret of a mistake."""

    def __init__(self, sampling: Sampling | None = None) -> None:
        self.sampling: Sampling | None = sampling or Sampling()
        self.spans: list[Span] = []

    def emit(self, spans: Iterable[Span]) -> None:
        self.spans.extend(spans)

    def close(self) -> None:
        pass

    def named(self, name: str) -> Span:
        (found,) = (span for span in self.spans if span.name == name)
        return found
