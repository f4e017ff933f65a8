"""Spans leave for where OTEL_EXPORTER_OTLP_ENDPOINT points, by the OpenTelemetry SDK; the only importer of it.

Its BatchSpanProcessor holds them on a thread of its own and drops what does not get through, so that nobody waits for a
collector. Headers, certificates, time-outs and the size of batches are the SDK's own variables.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from telemetry.errors import SettingsError
from telemetry.rated import Rated
from telemetry.tracing.asked import ENDPOINTS, sampling_asked
from telemetry.tracing.context import Context, Sampling
from telemetry.tracing.spans import SEMANTIC_CONVENTIONS, Span

if TYPE_CHECKING:  # it is an extra
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext

log = logging.getLogger(__name__)

_END_S: Final = 2.0
"""What is left when a process ends has so long to leave."""
_SCOPE: Final = "belay"


class Traces(Protocol):
    """Where a process's spans go. `sampling` is None where they go nowhere."""

    @property
    def sampling(self) -> Sampling | None:
        """Which traces are kept."""
        ...

    def emit(self, spans: Iterable[Span]) -> None:
        """Let spans leave; whatever goes wrong with one of them costs the rest of these and nothing else."""
        ...

    def close(self) -> None:
        """Let what is left leave."""
        ...


class _Nowhere:
    """No traces."""

    sampling: Sampling | None = None

    def emit(self, spans: Iterable[Span]) -> None:
        """Nothing leaves, and nothing is even made where they come from a generator."""

    def close(self) -> None:
        """Nothing is left."""


NO_TRACES: Final[Traces] = _Nowhere()


def traces_asked(service: str, environment: Mapping[str, str] | None = None) -> Traces:
    """What the environment asks for: `NO_TRACES`, and nothing is imported, where it names no endpoint.

    Raises SettingsError for what is wrong there, and where the extra `tracing` is not installed.
    """
    environment = os.environ if environment is None else environment
    sampling = sampling_asked(environment)
    if sampling is None:
        return NO_TRACES
    try:
        return _Exported(service, sampling)
    except ImportError as error:
        raise SettingsError(
            f"{' or '.join(ENDPOINTS)} asks for traces, and {error.name} is not installed",
            hint="Install Belay with its extra `tracing`, or unset the variable.",
        ) from error


class _Exported:
    """Traces to a collector."""

    def __init__(self, service: str, sampling: Sampling) -> None:
        # Only where traces are asked for: 150 ms and 20 MB.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

        self.sampling: Sampling | None = sampling
        self._service = service
        self._processor = BatchSpanProcessor(OTLPSpanExporter())
        self._resources: dict[tuple[str, str | None], Resource] = {}
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
        from opentelemetry.sdk.trace import Event, ReadableSpan  # noqa: PLC0415 - as above
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope  # noqa: PLC0415
        from opentelemetry.trace import Link, SpanKind, Status, StatusCode  # noqa: PLC0415

        return ReadableSpan(
            name=span.name,
            context=_context(span.context),
            parent=None if span.parent is None else _context(span.parent, is_remote=True),
            resource=self._resource(span.service or self._service, span.instance),
            attributes=dict(span.attributes),
            events=[Event(one.name, dict(one.attributes), one.at) for one in span.happened],
            links=[Link(_context(link, is_remote=True)) for link in span.links],
            kind=SpanKind[span.kind.upper()],
            status=Status(StatusCode.ERROR if span.failed else StatusCode.UNSET),
            start_time=span.start,
            end_time=span.end,
            instrumentation_scope=InstrumentationScope(
                _SCOPE, schema_url=f"https://opentelemetry.io/schemas/{SEMANTIC_CONVENTIONS}"
            ),
        )

    def _resource(self, service: str, instance: str | None) -> Resource:
        """Whose spans they are; with what OTEL_RESOURCE_ATTRIBUTES says beside it."""
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - as above

        found = self._resources.get((service, instance))
        if found is None:
            own: dict[str, Any] = {"service.name": service}
            if instance is not None:
                own["service.instance.id"] = instance
            found = self._resources[service, instance] = Resource.create(own)
        return found


def _context(context: Context, *, is_remote: bool = False) -> SpanContext:
    from opentelemetry.trace import SpanContext, TraceFlags  # noqa: PLC0415 - as above

    flags = TraceFlags(TraceFlags.SAMPLED if context.sampled else TraceFlags.DEFAULT)
    return SpanContext(int(context.trace_id, 16), int(context.span_id, 16), is_remote, flags)
