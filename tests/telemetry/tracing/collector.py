"""A collector: a real HTTP server that takes OTLP's protobuf and keeps the spans in it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Sent


@dataclass(frozen=True)
class Taken:
    """A span as it arrived."""

    service: str
    span: Sent
    resource: dict[str, Any]
    schema: str

    @property
    def id(self) -> str:
        return self.span.span_id.hex()

    @property
    def parent(self) -> str:
        return self.span.parent_span_id.hex()

    @property
    def trace(self) -> str:
        return self.span.trace_id.hex()

    @property
    def attributes(self) -> dict[str, Any]:
        return _plain(self.span.attributes)

    @property
    def events(self) -> list[tuple[str, dict[str, Any]]]:
        return [(event.name, _plain(event.attributes)) for event in self.span.events]

    @property
    def links(self) -> list[str]:
        return [link.span_id.hex() for link in self.span.links]


def _plain(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in map(_typed, pairs)}


def _typed(pair: KeyValue) -> KeyValue:
    return pair


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    found = getattr(value, kind or "string_value")
    return tuple(_value(one) for one in found.values) if kind == "array_value" else found


class Collector:
    """What arrived, and the bodies that it arrived in."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.paths: set[str] = set()
        self.url = ""

    @property
    def spans(self) -> list[Taken]:
        found = []
        for body in self.bodies:
            for each in ExportTraceServiceRequest.FromString(body).resource_spans:
                resource = _plain(each.resource.attributes)
                for scope in each.scope_spans:
                    schema = scope.schema_url
                    found += [Taken(resource["service.name"], span, resource, schema) for span in scope.spans]
        return found

    def named(self, name: str) -> list[Taken]:
        return [taken for taken in self.spans if taken.span.name == name]


@contextlib.contextmanager
def collecting(answer: threading.Event | None = None) -> Iterator[Collector]:
    """A collector that listens, and answers when it may."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collector.paths.add(self.path)
            collector.bodies.append(self.rfile.read(int(self.headers["content-length"])))
            if answer is not None:
                answer.wait(10)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
