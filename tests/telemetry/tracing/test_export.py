from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from telemetry.errors import SettingsError
from telemetry.tracing.context import Context
from telemetry.tracing.export import NO_TRACES, traces_asked
from telemetry.tracing.spans import Happened, Span
from tests.telemetry.tracing.collector import collecting

OWN, PARENT = Context("0" * 31 + "1", "0" * 15 + "2"), Context("0" * 31 + "1", "0" * 15 + "3")
SPAN = Span(
    "judge facts",
    "internal",
    OWN,
    PARENT,
    1_000,
    2_000,
    {"belay.capability": "facts", "belay.evidence.blamed": ("facts", "sums")},
    failed=True,
    happened=(Happened("gen_ai.evaluation.result", 1_500, {"gen_ai.evaluation.score.value": 0.5}),),
    links=(PARENT,),
)


def test_a_span_arrives_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"{collector.url}/elsewhere")
        traces = traces_asked("belay-worker")
        traces.emit([SPAN])
        traces.close()
        (taken,) = collector.spans
    assert collector.paths == {"/elsewhere"}
    assert (taken.service, taken.trace, taken.id, taken.parent) == (
        "belay-worker",
        OWN.trace_id,
        OWN.span_id,
        PARENT.span_id,
    )
    assert (taken.span.start_time_unix_nano, taken.span.end_time_unix_nano) == (1_000, 2_000)
    assert taken.attributes == SPAN.attributes
    assert taken.events == [("gen_ai.evaluation.result", {"gen_ai.evaluation.score.value": 0.5})]
    assert (taken.links, taken.span.status.code) == ([PARENT.span_id], 2)


def test_a_trace_that_is_not_kept_does_not_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        traces = traces_asked("belay-worker")
        traces.emit([Span("x", "internal", OWN._replace(sampled=False), None, 0, 1, {}), SPAN])
        traces.close()
        assert [taken.span.name for taken in collector.spans] == ["judge facts"]


def test_a_span_that_cannot_be_made_costs_itself_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks() -> Iterator[Span]:
        yield SPAN
        raise KeyError("x")

    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        traces = traces_asked("belay-worker")
        traces.emit(breaks())
        traces.close()
        assert len(collector.spans) == 1
    assert "a trace is lost: KeyError" in caplog.text


def test_a_collector_that_never_answers_holds_up_neither_work_nor_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer = threading.Event()
    monkeypatch.setattr("telemetry.tracing.otel._END_S", 0.1)
    with collecting(answer) as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        traces = traces_asked("belay-worker")
        traces.emit([SPAN] * 10)
        traces.close()
        assert not answer.is_set()  # whoever waited for it would not be here
        answer.set()


def test_without_an_endpoint_there_is_nowhere_to_go_and_nothing_is_made() -> None:
    made = []
    assert traces_asked("belay-worker", {}) is NO_TRACES
    NO_TRACES.emit(made.append(span) or span for span in [SPAN])  # type: ignore[func-returns-value]
    assert made == []
    assert NO_TRACES.sampling is None


def test_the_sdk_is_not_imported_where_nobody_asks_for_traces() -> None:
    script = (
        "import sys; from telemetry.tracing.export import traces_asked; traces_asked('x', {}); "
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_asking_without_the_extra_says_which_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "telemetry.tracing.otel", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(SettingsError) as found:
        traces_asked("x", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"})
    assert "tracing" in found.value.hint
