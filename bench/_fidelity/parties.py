"""Who is asked: a real vLLM with the packaged model, and routers in front of it whose arms are both that vLLM."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import yaml
from _environments import REPOSITORY
from _shape import say

from serving.engines.vllm_engine import EngineSettings, VllmEngine
from serving.models.base_model import prepare_base_model
from serving.server import free_port
from telemetry.events import Arm
from telemetry.rollout_file import write_rollout
from tests.router.values import with_share

MODEL: Final = "m"
_BELAY: Final = "from belay.cli import main; main()"
_GENERATES: Final = ("--enable-auto-tool-choice", "--tool-call-parser", "hermes")
_EMBEDS: Final = ("--runner", "pooling", "--convert", "embed")
_PATIENCE_S: Final = 60.0


def base_in(folder: Path) -> Path:
    """The packaged model, made in a folder."""
    return prepare_base_model(folder / "base")


@contextmanager
def engine(model: Path, folder: Path, *, embeds: bool = False) -> Iterator[str]:
    """A healthy vLLM that generates, or embeds; its URL."""
    say(f"starting vLLM, to {'embed' if embeds else 'generate'}")
    settings = EngineSettings(
        folder=model,
        served_name=MODEL,
        port=free_port(),
        log_file=folder / "vllm.log",
        extra_args=_EMBEDS if embeds else _GENERATES,
    )
    with VllmEngine(settings) as started:
        started.wait_healthy()
        yield started.url


@contextmanager
def router(folder: Path, engine_url: str, arm: Arm) -> Iterator[str]:
    """A router of its own process amid a rollout in which this arm serves everybody; its URL."""
    folder.mkdir(parents=True)
    write_rollout(folder / "rollout.json", with_share(1.0 if arm == "candidate" else 0.0))
    port = free_port()
    settings: dict[str, Any] = {
        "port": port,
        "status_port": free_port(),
        # Two names of one machine: where both arms are one engine, ids have an addition that tells them apart.
        "control": {"arm": "control", "url": engine_url.replace("127.0.0.1", "localhost")},
        "candidate": {"arm": "candidate", "url": engine_url},
        "rollout_file": str(folder / "rollout.json"),
        "spool_folder": str(folder / "spool"),
    }
    file = folder / "router.yaml"
    file.write_text(yaml.safe_dump(settings), encoding="utf-8")
    command = [sys.executable, "-c", _BELAY, "router", "--settings", str(file)]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, cwd=REPOSITORY, stdout=log, stderr=log) as child,
    ):
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(child, url)
            yield url
        finally:
            child.terminate()


def _wait(child: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline and child.poll() is None:
        try:
            if httpx.get(f"{url}/belay/healthz").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise RuntimeError(f"the router does not answer at {url} (status {child.poll()})")
