"""What the images run, run as they run it: by a user without rights, in an empty folder, with nothing else to write to.

The settings are the chart's, with its folders under a temporary one and nobody at the other ends: the processes have to
start, answer their probes and end when they are told to, without engines and without a broker.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import a_free_port
from tests.deploy.charts import Rendered, containers, rendered
from tests.places import ROOT

WRITABLE = ("/var/lib/belay", "/run/belay")
"""What containers mount to write to, beside /tmp."""


@pytest.fixture
def chart(tmp_path: Path) -> Rendered:
    return rendered("defaults", tmp_path)


@dataclass
class Container:
    """A container's folders on this machine."""

    root: Path
    port: int
    status_port: int

    def at(self, path: str) -> Path:
        """Where a path of the container lies."""
        return self.root / path.lstrip("/")

    def here(self, text: str) -> str:
        """A text of the chart with the container's folders and addresses as they are here."""
        for path in (*WRITABLE, "/etc/belay/access"):
            text = text.replace(path, str(self.at(path)))
        text = text.replace(
            "/usr/share/belay/examples/support", str(ROOT / "examples" / "tickets")
        )  # the smaller
        text = text.replace("kafka-kafka-bootstrap:9092", "127.0.0.1:9").replace("0.0.0.0", "127.0.0.1")
        text = text.replace("8101", str(self.status_port))
        return text.replace("8100", str(self.port)).replace("8090", str(self.port))


@contextmanager
def running(chart: Rendered, part: str, name: str, folder: Path) -> Iterator[Container]:
    """A container of the chart as a process; it has to end with 0 when it is told to, its home as empty as it was."""
    (spec,) = (c for c in containers(chart.pods()[part]) if c["name"] == name)
    container = Container(folder / name, a_free_port(), a_free_port())
    home = container.at("/home")
    for path in (*WRITABLE, "/temporary"):
        container.at(path).mkdir(parents=True)
    home.mkdir(mode=0o555)
    tokens = container.at("/etc/belay/access/tokens.yaml")
    tokens.parent.mkdir(parents=True)
    tokens.write_text("tokens: []\n", encoding="utf-8")
    command, option, settings = spec["args"]
    file = container.root / Path(settings).name
    file.write_text(container.here(chart.settings(part, file.name)), encoding="utf-8")
    with (container.root / "log").open("wb") as log:
        child = subprocess.Popen(
            [*without_rights(), sys.executable, "-m", "belay", command, option, str(file)],
            cwd=home,
            env=environment(home, container),
            stdout=log,
            stderr=log,
        )
    try:
        yield container
    finally:
        child.send_signal(signal.SIGTERM)
        status = child.wait(30.0)
    said = (container.root / "log").read_text(encoding="utf-8")
    assert status == 0, said
    assert "Traceback" not in said
    assert list(home.iterdir()) == []


def without_rights() -> list[str]:
    """What makes root a user whom a read-only folder stops; nothing for everybody else, who is one."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 and setpriv else []


def environment(home: Path, container: Container) -> dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),
        "TMPDIR": str(container.at("/temporary")),
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "BELAY_LOG": "json",
        "BELAY_SOURCE": "belay-router-0",
    }


def until(condition: Callable[[], bool], within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def healthy(chart: Rendered, part: str, container: Container) -> bool:
    """Whether readiness and liveness probe of a part are content."""
    (spec,) = chart.pods()[part]["containers"]
    ports = {"http": container.port, "status": container.status_port}
    probes = [spec[f"{kind}Probe"]["httpGet"] for kind in ("readiness", "liveness")]
    try:
        return all(httpx.get(f"http://127.0.0.1:{ports[p['port']]}{p['path']}").is_success for p in probes)
    except httpx.TransportError:
        return False


def alive(spec: dict[str, Any], container: Container) -> bool:
    """Whether a probe that runs a command is content."""
    command = [container.here(word) for word in spec["livenessProbe"]["exec"]["command"]]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


@pytest.mark.parametrize("part", ["router", "control"])
def test_router_and_control_answer_their_probe_without_engine_or_broker(
    chart: Rendered, part: str, tmp_path: Path
) -> None:
    with running(chart, part, part, tmp_path) as container:
        until(lambda: healthy(chart, part, container))


def test_the_forwarder_lives_beside_a_router_that_has_not_started_and_without_a_broker(
    chart: Rendered, tmp_path: Path
) -> None:
    (spec,) = chart.pods()["router"]["initContainers"]
    with running(chart, "router", "forwarder", tmp_path) as container:
        assert not alive(spec, container)
        until(lambda: alive(spec, container))


@pytest.mark.slow
def test_the_worker_lives_without_a_broker(chart: Rendered, tmp_path: Path) -> None:
    (spec,) = chart.pods()["worker"]["containers"]
    with running(chart, "worker", "worker", tmp_path) as container:
        assert not alive(spec, container)
        until(lambda: alive(spec, container), within_s=180.0)
