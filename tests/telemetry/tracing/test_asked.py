from __future__ import annotations

import pytest

from telemetry.errors import SettingsError
from telemetry.tracing.asked import sampling_asked
from telemetry.tracing.context import Sampling

TO = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": " "},
        {"OTEL_TRACES_SAMPLER": "always_on"},
        TO | {"OTEL_SDK_DISABLED": "True"},
        TO | {"OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_there_are_no_traces_where_nobody_says_where_to(environment: dict[str, str]) -> None:
    assert sampling_asked(environment) is None


@pytest.mark.parametrize(
    ("more", "sampling"),
    [
        ({}, Sampling(1.0)),
        ({"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf"}, Sampling(1.0)),
        (
            {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1"},
            Sampling(0.1),
        ),
        ({"OTEL_TRACES_SAMPLER": "parentbased_traceidratio"}, Sampling(1.0)),
        ({"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, Sampling(0.0)),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "1e-3"}, Sampling(0.001, False)),
        ({"OTEL_TRACES_SAMPLER_ARG": "of another sampler"}, Sampling(1.0)),
    ],
)
def test_which_traces_are_kept_the_variables_of_the_standard_say(
    more: dict[str, str], sampling: Sampling
) -> None:
    assert sampling_asked(TO | more) == sampling
    alone = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}
    assert sampling_asked(alone | more) == sampling


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_TRACES_EXPORTER", "zipkin"),
        ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
        ("OTEL_TRACES_SAMPLER_ARG", "1.5"),
        ("OTEL_TRACES_SAMPLER_ARG", "nan"),
        ("OTEL_TRACES_SAMPLER_ARG", "a tenth"),
    ],
)
def test_what_we_do_not_have_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=value):
        sampling_asked(TO | {"OTEL_TRACES_SAMPLER": "traceidratio", name: value})
