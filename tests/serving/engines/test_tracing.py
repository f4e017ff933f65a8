from __future__ import annotations

import pytest

from serving.engines.tracing import options, variables


@pytest.mark.parametrize(
    ("environment", "to"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, "http://c:4318/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318/"}, "http://c:4318/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c/x"}, "http://c/x"),
    ],
)
def test_an_engine_is_told_where_its_spans_go_and_how(environment: dict[str, str], to: str) -> None:
    assert options(environment) == ["--otlp-traces-endpoint", to]
    # Its workers would speak gRPC to the same address.
    assert variables(environment, "candidate") == {
        "OTEL_SERVICE_NAME": "vllm-candidate",
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
    }


@pytest.mark.parametrize(
    "environment", [{}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "x", "OTEL_SDK_DISABLED": "true"}]
)
def test_an_engine_of_which_nobody_asks_for_traces_is_started_as_ever(environment: dict[str, str]) -> None:
    assert (options(environment), variables(environment, "control")) == ([], {})
