"""Child processes: watched together, stopped together, none left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from belay.launcher.supervisor import Supervisor
from telemetry.errors import InfrastructureError


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_gone(pid: int, timeout_s: float = 10.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not alive(pid)


def test_a_child_that_ends_by_itself_is_reported_with_what_it_said(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as children:
        children.start("nonsense", ["no-such-command"])
        with pytest.raises(InfrastructureError, match="No such command") as caught:
            children.wait_until(lambda: False, "nothing", 30.0)
    assert "nonsense" in caught.value.message
    assert str(tmp_path / "nonsense.log") in caught.value.hint


def test_leaving_the_block_stops_children_also_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), Supervisor(tmp_path) as children:  # noqa: PT012 - the block is the rule
        child = children.start("sleeper", ["demo", "--help"])
        pid = child.process.pid
        raise RuntimeError
    assert wait_gone(pid)


def test_what_does_not_happen_in_time_says_what_and_where_the_logs_are(tmp_path: Path) -> None:
    with (
        Supervisor(tmp_path) as children,
        pytest.raises(InfrastructureError, match="the moon did not happen"),
    ):
        children.wait_until(lambda: False, "the moon", 0.1)


def test_children_die_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time, pathlib\n"
        "from belay.launcher import supervisor\n"
        "supervisor.sys.executable = sys.argv[2]\n"
        "c = supervisor.Supervisor(pathlib.Path(sys.argv[1])).start('sleeper', [])\n"
        "print(c.process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    sleeper = tmp_path / "sleeper"
    sleeper.write_text("#!/bin/sh\nexec sleep 60\n", encoding="utf-8")
    sleeper.chmod(0o755)
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path), str(sleeper)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert alive(pid)
        os.kill(parent.pid, signal.SIGKILL)
    assert wait_gone(pid)
