"""Spans leave by the OpenTelemetry SDK: the only module that imports it, and imported only where it is asked for.

Its BatchSpanProcessor holds them on a thread of its own and drops what does not get through, so that nobody waits for a
collector. Headers, certificates, time-outs and the size of batches are the SDK's own variables.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from functools import cache
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from telemetry.rated import Rated
from telemetry.tracing.context import Context, Sampling
from telemetry.tracing.spans import SEMANTIC_CONVENTIONS, Span

log = logging.getLogger(__name__)

_END_S: Final = 2.0
"""What is left when a process ends has so long to leave."""
_SCOPE: Final = InstrumentationScope(
    "belay", schema_url=f"https://opentelemetry.io/schemas/{SEMANTIC_CONVENTIONS}"
)
_KINDS: Final = {kind.name.lower(): kind for kind in SpanKind}
_WELL, _FAILED = Status(StatusCode.UNSET), Status(StatusCode.ERROR)


class Exported:
    """Traces to a collector, as `telemetry.tracing.export.Traces`."""

    def __init__(self, service: str, sampling: Sampling) -> None:
        self.sampling: Sampling | None = sampling
        self._service = service
        self._processor = BatchSpanProcessor(OTLPSpanExporter())
        self._resource = cache(_resource_of)  # of which there are few
        self._wrong = Rated(log)

    def emit(self, spans: Iterable[Span]) -> None:
        """Let spans leave."""
        try:
            for span in spans:
                if span.context.sampled:
                    self._processor.on_end(self._readable(span))
        except Exception as error:  # noqa: BLE001 - a trace is worth less than whatever it is the trace of
            self._wrong.error("a trace is lost: %s: %s", type(error).__name__, error)

    def close(self) -> None:
        """Let what is left leave, for as long as that may take."""
        ending = threading.Thread(target=self._processor.shutdown, name="belay-traces", daemon=True)
        ending.start()
        ending.join(_END_S)

    def _readable(self, span: Span) -> ReadableSpan:
        return ReadableSpan(
            name=span.name,
            context=_context(span.context),
            parent=None if span.parent is None else _context(span.parent, is_remote=True),
            resource=self._resource(span.service or self._service, span.instance),
            attributes=dict(span.attributes),
            events=[Event(one.name, dict(one.attributes), one.at) for one in span.happened],
            links=[Link(_context(link, is_remote=True)) for link in span.links],
            kind=_KINDS[span.kind],
            status=_FAILED if span.failed else _WELL,
            start_time=span.start,
            end_time=span.end,
            instrumentation_scope=_SCOPE,
        )


def _resource_of(service: str, instance: str | None) -> Resource:
    """Whose spans they are, with what OTEL_RESOURCE_ATTRIBUTES says beside it."""
    own = {"service.name": service} | ({} if instance is None else {"service.instance.id": instance})
    return Resource.create(own)


def _context(context: Context, *, is_remote: bool = False) -> SpanContext:
    flags = TraceFlags(TraceFlags.SAMPLED if context.sampled else TraceFlags.DEFAULT)
    return SpanContext(int(context.trace_id, 16), int(context.span_id, 16), is_remote, flags)
