"""The processes beside every router stay small and fast: they import nothing that they do not use."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {
    "torch",
    "sklearn",
    "scipy",
    "pandas",
    "numpy",
    "transformers",
    "matplotlib",
    "peft",
    "vllm",
    "lm_eval",
    "opentelemetry",
}


def loaded_by(*modules: str) -> set[str]:
    script = f"import json, sys, {', '.join(modules)}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(
    "modules",
    [
        ("belay.cli", "belay.commands.forward", "telemetry.forwarding.forwarder"),
        ("belay.cli", "belay.commands.router", "router.proxy.app"),
    ],
    ids=["forwarder", "router"],
)
def test_router_and_forwarder_import_nothing_heavy(modules: tuple[str, ...]) -> None:
    assert loaded_by(*modules) & HEAVY == set()


def test_kafkas_checksums_are_not_computed_in_python() -> None:
    assert "crc32c" in loaded_by("telemetry.bus.kafka_clients")
