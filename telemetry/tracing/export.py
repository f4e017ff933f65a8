"""Where a process's spans go: nowhere, or where OTEL_EXPORTER_OTLP_ENDPOINT points (`telemetry.tracing.otel`)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from telemetry.errors import SettingsError
from telemetry.tracing.asked import ENDPOINTS, sampling_asked
from telemetry.tracing.context import Sampling
from telemetry.tracing.spans import Span


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
        # Only where traces are asked for: 20 MB, and an extra.
        from telemetry.tracing.otel import Exported  # noqa: PLC0415
    except ImportError as error:
        raise SettingsError(
            f"{' or '.join(ENDPOINTS)} asks for traces, and {error.name} is not installed",
            hint="Install Belay with its extra `tracing`, or unset the variable.",
        ) from error
    return Exported(service, sampling)
