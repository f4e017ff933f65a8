"""An engine that we start tells its part of traces where these are asked for: vLLM's own spans, below the router's.

vLLM takes the collector's address as an option and speaks gRPC unless its environment says otherwise. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from telemetry.events import Arm
from telemetry.tracing.asked import ENDPOINTS, sampling_asked

_TRACES: Final = "v1/traces"


def endpoint_asked(environment: Mapping[str, str]) -> str | None:
    """Where an engine's spans go, None where nobody asks for any. Raises SettingsError for what is wrong there.

    What stands for all kinds of signals has the path of traces put behind it, as the standard has it.
    """
    if sampling_asked(environment) is None:
        return None
    own, common = (environment.get(name, "").strip() for name in ENDPOINTS)
    return own or f"{common.rstrip('/')}/{_TRACES}"


def options(environment: Mapping[str, str]) -> list[str]:
    """What is added to an engine's command."""
    endpoint = endpoint_asked(environment)
    return [] if endpoint is None else ["--otlp-traces-endpoint", endpoint]


def variables(environment: Mapping[str, str], arm: Arm) -> dict[str, str]:
    """What is added to an engine's environment: whose spans they are, and that they leave as all others do."""
    if endpoint_asked(environment) is None:
        return {}
    return {"OTEL_SERVICE_NAME": f"vllm-{arm}", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf"}
