import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from belay.launcher import embedded_broker
from belay.launcher.embedded_broker import EmbeddedBroker
from telemetry.errors import InfrastructureError, PortTaken


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_it_answers_when_started_and_is_gone_when_stopped(free_port: int, tmp_path: Path) -> None:
    broker = EmbeddedBroker(free_port, tmp_path / "logs" / "broker.log")
    with broker:
        pid = broker.pid
        assert pid is not None
        socket.create_connection(("127.0.0.1", free_port), timeout=1).close()
    assert not alive(pid)
    assert broker.pid is None
    with broker:
        assert broker.running
    assert "tcp://127.0.0.1" in (tmp_path / "logs" / "broker.log").read_text()


def test_a_port_in_use_is_said_before_anything_is_started(free_port: int, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", free_port))
        other.listen()
        broker = EmbeddedBroker(free_port, tmp_path / "log")
        with pytest.raises(PortTaken, match=f"port {free_port} on 127.0.0.1"):
            broker.start()
        assert broker.pid is None


def test_one_that_dies_at_start_is_an_error_with_its_last_words(
    free_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "tansu"
    script.write_text("#!/bin/sh\necho something is wrong >&2\nexit 7\n")
    script.chmod(0o755)
    monkeypatch.setattr(embedded_broker, "tansu_binary", lambda: script)
    broker = EmbeddedBroker(free_port, tmp_path / "log")
    with pytest.raises(InfrastructureError, match=r"ended with status 7 at start(?s:.)*something is wrong"):
        broker.start()
    assert broker.pid is None


def test_one_that_never_answers_is_stopped(
    free_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "tansu"
    script.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 60\n")
    script.chmod(0o755)
    monkeypatch.setattr(embedded_broker, "tansu_binary", lambda: script)
    with pytest.raises(InfrastructureError, match=r"did not answer within 0\.5 s"):
        EmbeddedBroker(free_port, tmp_path / "log", start_timeout_s=0.5).start()
    assert not alive(int((tmp_path / "pid").read_text()))


STARTER = """
import sys, time
from pathlib import Path
from belay.launcher.embedded_broker import EmbeddedBroker
broker = EmbeddedBroker(int(sys.argv[1]), Path(sys.argv[2])).start()
print(broker.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_it_dies_with_a_starter_that_is_killed(free_port: int, tmp_path: Path) -> None:
    command = [sys.executable, "-c", STARTER, str(free_port), str(tmp_path / "log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        assert alive(pid)
        os.kill(starter.pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(pid)
