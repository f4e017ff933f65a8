"""Whether traces are asked for, and which: by the standard's own variables of the environment. Imports no SDK.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from telemetry.errors import SettingsError
from telemetry.tracing.context import Sampling

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_DISABLED: Final = "OTEL_SDK_DISABLED"
_EXPORTER: Final = "OTEL_TRACES_EXPORTER"
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_HTTP: Final = "http/protobuf"
_SAMPLER: Final = "OTEL_TRACES_SAMPLER"
_ARGUMENT: Final = "OTEL_TRACES_SAMPLER_ARG"
_RATIO: Final = "traceidratio"
_PARENT: Final = "parentbased_"
_SAMPLERS: Final = {"always_on": 1.0, "always_off": 0.0, _RATIO: None}


def sampling_asked(environment: Mapping[str, str]) -> Sampling | None:
    """Which traces are to be kept, None where none are: no endpoint is named, or they are switched off.

    Raises SettingsError for a protocol, exporter or sampler that we do not have.
    """
    if not _one(environment, ENDPOINTS) or _said(environment, _DISABLED).lower() == "true":
        return None
    exporter = _said(environment, _EXPORTER) or "otlp"
    if exporter == "none":
        return None
    if exporter != "otlp":
        raise SettingsError(f"{_EXPORTER}: expected otlp or none, found {exporter!r}")
    protocol = _one(environment, _PROTOCOLS)
    if protocol not in ("", _HTTP):
        raise SettingsError(
            f"{_PROTOCOLS[0]}: expected {_HTTP}, found {protocol!r}",
            hint="Point the endpoint at the collector's port for OTLP over HTTP, 4318 as a rule.",
        )
    return _sampling(_said(environment, _SAMPLER) or "parentbased_always_on", environment)


def _sampling(sampler: str, environment: Mapping[str, str]) -> Sampling:
    name = sampler.removeprefix(_PARENT)
    if name not in _SAMPLERS:
        known = ", ".join([*_SAMPLERS, *(_PARENT + each for each in _SAMPLERS)])
        raise SettingsError(f"{_SAMPLER}: expected one of {known}, found {sampler!r}")
    ratio = _SAMPLERS[name]
    return Sampling(
        _ratio(environment) if ratio is None else ratio,
        # Who follows its parent is followed by all; who does not draws alike for all, whatever a client says.
        follows_client=sampler.startswith(_PARENT),
    )


def _ratio(environment: Mapping[str, str]) -> float:
    said = _said(environment, _ARGUMENT) or "1"
    try:
        ratio = float(said)
    except ValueError:
        ratio = -1.0
    if not 0.0 <= ratio <= 1.0:
        raise SettingsError(f"{_ARGUMENT}: expected a number from 0 to 1, found {said!r}")
    return ratio


def _one(environment: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next(filter(None, (_said(environment, name) for name in names)), "")


def _said(environment: Mapping[str, str], name: str) -> str:
    """An empty variable is none."""
    return environment.get(name, "").strip()
