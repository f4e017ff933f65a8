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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from router.control.tokens import add_token
from tests.conftest import a_free_port
from tests.deploy.charts import Rendered, containers, rendered, taken
from tests.places import ROOT
from tests.router.values import spec
from tests.serving.certificates import Authority

MOUNTED = ("/etc/belay/access", "/etc/belay/tls")
WRITABLE = ("/var/lib/belay", "/run/belay")
"""What containers mount to write to, beside /tmp."""


@pytest.fixture
def chart(tmp_path: Path) -> Rendered:
    return rendered("defaults", tmp_path)


@dataclass
class Container:
    """A container on this machine: its pod's folders, and where it listens and finds Kafka."""

    pod: Path
    name: str
    kafka: str = "127.0.0.1:9"
    port: int = field(default_factory=a_free_port)
    status_port: int = field(default_factory=a_free_port)
    metrics_port: int = field(default_factory=a_free_port)

    def at(self, path: str) -> Path:
        """Where a path of the container lies."""
        return self.pod / path.lstrip("/")

    @property
    def home(self) -> Path:
        """The one folder that belongs to this container alone, and takes nothing."""
        return self.pod / f"home-of-{self.name}"

    def here(self, text: str) -> str:
        """A text of the chart with the container's folders and addresses as they are here."""
        for path in (*WRITABLE, *MOUNTED):
            text = text.replace(path, str(self.at(path)))
        # Of the shipped examples the smaller one.
        text = text.replace("/usr/share/belay/examples/support", str(ROOT / "examples" / "tickets"))
        return text.replace("kafka-kafka-bootstrap:9092", self.kafka).replace("0.0.0.0", "127.0.0.1")

    def settings(self, text: str) -> dict[str, Any]:
        """Settings of the chart with ports that are free here."""
        found: dict[str, Any] = yaml.safe_load(self.here(text))
        ports = {"port": self.port, "status_port": self.status_port, "metrics_port": self.metrics_port}
        for settings in (found, found.get("worker", {})):
            settings.update({key: port for key, port in ports.items() if key in settings})
        return found

    def get(self, path: str, *, status: bool = False, scheme: str = "http") -> httpx.Response | None:
        """What it answers; None where it does not. As the kubelet does, it looks at no certificate."""
        port = self.status_port if status else self.port
        try:
            return httpx.get(f"{scheme}://127.0.0.1:{port}{path}", verify=False)  # noqa: S501 - as above
        except httpx.TransportError:
            return None

    def scraped(self) -> str:
        """What it says to Prometheus; empty where nobody listens."""
        try:
            answer = httpx.get(f"http://127.0.0.1:{self.metrics_port}/metrics")
        except httpx.TransportError:
            return ""
        return answer.raise_for_status().text


@contextmanager
def running(chart: Rendered, part: str, container: Container) -> Iterator[Container]:
    """A container of the chart as a process; it has to end with 0 when it is told to, its home as empty as it was."""
    (spec,) = (c for c in containers(chart.pods()[part]) if c["name"] == container.name)
    for path in (*WRITABLE, "/temporary", "/etc/belay/access"):
        container.at(path).mkdir(parents=True, exist_ok=True)
    container.home.mkdir(mode=0o555)
    tokens = container.at("/etc/belay/access/tokens.yaml")
    if not tokens.exists():
        tokens.write_text("tokens: []\n", encoding="utf-8")
    command, option, settings = spec["args"]
    file, log = container.pod / Path(settings).name, container.pod / f"{container.name}.log"
    file.write_text(yaml.safe_dump(container.settings(chart.settings(part, file.name))), encoding="utf-8")
    with log.open("wb") as said:
        child = subprocess.Popen(
            [*without_rights(), sys.executable, "-m", "belay", command, option, str(file)],
            cwd=container.home,
            env=environment(container),
            stdout=said,
            stderr=said,
        )
    try:
        yield container
    finally:
        child.send_signal(signal.SIGTERM)
        status = child.wait(30.0)
    assert status == 0, log.read_text(encoding="utf-8")
    assert "Traceback" not in log.read_text(encoding="utf-8")
    assert list(container.home.iterdir()) == []


def without_rights() -> list[str]:
    """What makes root a user whom a read-only folder stops; nothing for everybody else, who is one."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 and setpriv else []


def environment(container: Container) -> dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(container.home),
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
    probes = [spec[f"{kind}Probe"]["httpGet"] for kind in ("readiness", "liveness")]
    answers = [
        container.get(p["path"], status=p["port"] == "status", scheme=p.get("scheme", "HTTP").lower())
        for p in probes
    ]
    return all(answer is not None and answer.is_success for answer in answers)


def alive(spec: dict[str, Any], container: Container) -> bool:
    """Whether a probe that runs a command is content."""
    command = [container.here(word) for word in spec["livenessProbe"]["exec"]["command"]]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


@pytest.mark.parametrize(
    ("part", "tls"),
    [
        ("router", {}),
        ("control", {}),
        ("router", {"secret": "s"}),
        ("router", {"secret": "s", "clientCa": "ca.crt"}),
        ("control", {"secret": "s"}),
    ],
)
def test_router_and_control_answer_their_probes_without_engine_or_broker(
    chart: Rendered, part: str, tls: dict[str, str], tmp_path: Path
) -> None:
    if tls:
        chart = taken({part: {"tls": tls}}, tmp_path)
        folder = tmp_path / "etc" / "belay" / "tls"
        folder.mkdir(parents=True)
        authority = Authority(folder)
        for made, name in zip(
            (authority.ca, *authority.sign("belay")), ("ca.crt", "tls.crt", "tls.key"), strict=True
        ):
            made.rename(folder / name)
    with running(chart, part, Container(tmp_path, part)) as container:
        until(lambda: healthy(chart, part, container))
        if tls:
            assert container.get("/livez") is None, "it speaks TLS and nothing else there"
            strangers = container.get("/livez", scheme="https")
            assert (strangers is None) == ("clientCa" in tls)
        until(lambda: part == "router" or "belay_control_broker_up 0.0" in container.scraped())


def test_the_forwarder_lives_beside_a_router_that_has_not_started_and_without_a_broker(
    chart: Rendered, tmp_path: Path
) -> None:
    (spec,) = chart.pods()["router"]["initContainers"]
    with running(chart, "router", Container(tmp_path, "forwarder")) as container:
        assert not alive(spec, container)
        until(lambda: alive(spec, container))
        until(lambda: "belay_forwarder_records_total 0.0" in container.scraped())


@pytest.mark.slow
def test_the_worker_lives_without_a_broker(chart: Rendered, tmp_path: Path) -> None:
    (spec,) = chart.pods()["worker"]["containers"]
    with running(chart, "worker", Container(tmp_path, "worker")) as container:
        assert not alive(spec, container)
        until(lambda: alive(spec, container), within_s=180.0)
        until(lambda: "belay_decider 0.0" in container.scraped())


@pytest.mark.slow
def test_a_rollout_that_control_starts_reaches_a_router_that_shares_nothing_with_it_but_kafka(
    chart: Rendered, tmp_path: Path, own_broker: str
) -> None:
    pods = {name: tmp_path / name for name in ("control", "router")}
    control = Container(pods["control"], "control", own_broker)
    tokens = control.at("/etc/belay/access/tokens.yaml")
    tokens.parent.mkdir(parents=True)
    token = add_token(tokens, "ada", "operator")
    router = Container(pods["router"], "router", own_broker)
    forwarder = Container(pods["router"], "forwarder", own_broker)
    with (
        running(chart, "control", control),
        running(chart, "router", forwarder),
        running(chart, "router", router),
    ):
        until(lambda: healthy(chart, "control", control) and healthy(chart, "router", router))
        wanted = spec().model_copy(update={"rollout_id": "over-kafka-alone"})
        answer = httpx.post(
            f"http://127.0.0.1:{control.port}/rollouts",
            json=wanted.model_dump(mode="json"),
            headers={"authorization": f"Bearer {token}"},
        )
        assert answer.status_code == 201, answer.text

        def in_force() -> str:
            told = router.get("/belay/status", status=True)
            return str(told.json()["rollout_id"]) if told is not None else ""

        until(lambda: in_force() == "over-kafka-alone")


@pytest.mark.slow
def test_the_word_table_of_a_worker_reaches_a_router_that_shares_nothing_with_it_but_kafka(
    chart: Rendered, tmp_path: Path, own_broker: str
) -> None:
    pods = {name: tmp_path / name for name in ("worker", "router")}
    worker = Container(pods["worker"], "worker", own_broker)
    router = Container(pods["router"], "router", own_broker)
    forwarder = Container(pods["router"], "forwarder", own_broker)
    with (
        running(chart, "worker", worker),
        running(chart, "router", forwarder),
        running(chart, "router", router),
    ):

        def table() -> str | None:
            told = router.get("/belay/status", status=True)
            return told.json()["word_table"] if told is not None else None

        until(lambda: table() is not None, within_s=180.0)
        log = (worker.pod / "worker.log").read_text(encoding="utf-8")
        assert f"word table {table()}" in log
