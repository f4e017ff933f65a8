"""What many tests share: free ports and real brokers. Each broker is stopped when the session ends."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import pytest

from belay.launcher.embedded_broker import EmbeddedBroker
from serving.models.base_model import prepare_base_model
from telemetry.bus.names import OURS
from tests.given_kafka import given_address, given_kafka
from tests.places import SHARED

# The machine is shared and slow at times: what a test takes says nothing about the code. Derandomised, so
# that a failure is the same one for everybody.
hypothesis.settings.register_profile("belay", deadline=None, derandomize=True)
hypothesis.settings.load_profile("belay")

KAFKA_LOCAL = Path(os.environ.get("BELAY_KAFKA_LOCAL") or SHARED / "kafka" / "kafka-local")


def a_free_port() -> int:
    """A port on 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def free_kafka_port() -> int:
    """A port P such that P, P + 100 and P + 200 are free: the script takes all three."""
    for _ in range(100):
        port = a_free_port()
        with socket.socket() as controller, socket.socket() as internal:
            try:
                controller.bind(("127.0.0.1", port + 100))
                internal.bind(("127.0.0.1", port + 200))
            except (OSError, OverflowError):
                continue
            return port
    raise RuntimeError("no three free ports for Apache Kafka")


@pytest.fixture
def free_port() -> int:
    """A port on 127.0.0.1 that nobody listened on a moment ago."""
    return a_free_port()


@pytest.fixture(scope="session")
def real_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The base model, made from its package once for the whole session; to be copied, never changed."""
    return prepare_base_model(tmp_path_factory.mktemp("real") / "base")


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[str]:
    """A broker of one test alone: what it leaves in the log would be in the way of others, and theirs in its own."""
    with EmbeddedBroker(a_free_port(), tmp_path / "broker.log") as broker:
        yield broker.bootstrap_servers


@pytest.fixture(scope="session")
def embedded_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`host:port` of a real Tansu, one for the whole session; tests share its topics."""
    log_file = tmp_path_factory.mktemp("tansu") / "broker.log"
    with EmbeddedBroker(a_free_port(), log_file) as broker:
        yield broker.bootstrap_servers


@contextmanager
def running_kafka(folder: Path, *options: str) -> Iterator[str]:
    """`host:port` of an Apache Kafka of one's own, in `folder` while this lasts; skips where none can be started."""
    if not KAFKA_LOCAL.is_file():
        pytest.skip(
            f"no Apache Kafka of its own: set BELAY_KAFKA_LOCAL to a kafka-local script, not {KAFKA_LOCAL}"
        )
    script = [sys.executable, str(KAFKA_LOCAL)]

    def stop() -> None:
        if (folder / "cluster.json").exists():
            subprocess.run([*script, "stop", str(folder)], check=True, capture_output=True, timeout=60)
        shutil.rmtree(folder, ignore_errors=True)

    try:
        # Twice: one cluster id in 64 begins with a dash, which Kafka's own tool takes for an option.
        for _ in range(2):
            port = free_kafka_port()
            command = [*script, "start", str(folder), "--port", str(port), *options]
            started = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
            if started.returncode == 0:
                break
            stop()
        assert started.returncode == 0, started.stdout + started.stderr
        yield f"127.0.0.1:{port}"
    finally:
        stop()


@pytest.fixture(scope="session")
def apache_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`host:port` of a real Apache Kafka, one for the whole session; skips where there is none.

    The one that `BELAY_TEST_KAFKA` names where none can be started: what needs one of its own is skipped there.
    """
    if not KAFKA_LOCAL.is_file() and given_address():
        with given_kafka(OURS) as address:
            yield address
        return
    with running_kafka(tmp_path_factory.mktemp("kafka") / "cluster") as address:
        yield address


@pytest.fixture
def a_broker(request: pytest.FixtureRequest) -> str:
    """`host:port` of the best broker that there is: a whole rollout on each kind would take minutes more."""
    name = "apache_kafka" if KAFKA_LOCAL.is_file() or given_address() else "embedded_broker"
    return str(request.getfixturevalue(name))


@pytest.fixture(params=["embedded", pytest.param("apache", marks=pytest.mark.kafka)])
def broker(request: pytest.FixtureRequest) -> str:
    """`host:port` of each kind of broker in turn: what passes on one must pass on the other."""
    name = "embedded_broker" if request.param == "embedded" else "apache_kafka"
    return str(request.getfixturevalue(name))
