"""Child processes: a session and a log of their own, ended with patience, gone when their parent is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from serving.processes import end, spawn, tail

SAYS = [sys.executable, "-c", "import sys; print('out'); print('err', file=sys.stderr)"]
WAITS = """
import signal, sys, time
{handler}
print("ready", flush=True)
time.sleep(60)
"""
LONG_S = 30.0


def waiting(log: Path, handler: str = "") -> subprocess.Popen[bytes]:
    """A child that sleeps, once it has said that it handles SIGTERM as told."""
    process = spawn([sys.executable, "-c", WAITS.format(handler=handler)], log)
    deadline = time.monotonic() + LONG_S
    while "ready" not in log.read_text() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "ready" in log.read_text()
    return process


def test_what_a_child_prints_is_added_to_its_log_or_replaces_it(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "child.log"
    for keep_log, times in ((True, 1), (True, 2), (False, 1)):
        assert spawn(SAYS, log, keep_log=keep_log).wait(LONG_S) == 0
        assert sorted(log.read_text().split()) == sorted(["out", "err"] * times)


def test_a_child_has_its_own_session_and_the_environment_that_it_is_given(tmp_path: Path) -> None:
    log = tmp_path / "log"
    asks = "import os; print(os.getsid(0), os.environ.get('SAID'), 'PATH' in os.environ)"
    process = spawn([sys.executable, "-c", asks], log, environment={"SAID": "yes"})
    assert process.wait(LONG_S) == 0
    assert log.read_text().split() == [str(process.pid), "yes", "False"]


def test_a_child_that_listens_ends_by_sigterm(tmp_path: Path) -> None:
    process = waiting(tmp_path / "log", "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))")
    end([process], LONG_S)
    assert process.returncode == 7


def test_what_is_left_after_the_grace_is_killed_and_all_share_one_grace(tmp_path: Path) -> None:
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    children = [waiting(tmp_path / f"{number}.log", deaf) for number in range(3)]
    began = time.monotonic()
    end(children, 1.0)
    took = time.monotonic() - began
    assert [child.returncode for child in children] == [-signal.SIGKILL] * 3
    assert 1.0 <= took < 2.5


def test_ending_what_has_ended_keeps_its_status(tmp_path: Path) -> None:
    process = spawn([sys.executable, "-c", "raise SystemExit(5)"], tmp_path / "log")
    process.wait(LONG_S)
    end([process], 0.0)
    assert process.returncode == 5


STARTER = """
import signal, sys, time
from pathlib import Path
from serving.processes import spawn
number = signal.Signals(int(sys.argv[2]))
print(spawn(["sleep", "60"], Path(sys.argv[1]), orphaned=number).pid, flush=True)
time.sleep(60)
"""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def orphan(log: Path, number: signal.Signals) -> int:
    """The process id of a child whose parent was killed."""
    command = [sys.executable, "-c", STARTER, str(log), str(int(number))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        os.kill(starter.pid, signal.SIGKILL)
    return pid


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_child_with_a_signal_for_it_dies_with_a_parent_that_is_killed(
    tmp_path: Path, number: signal.Signals
) -> None:
    pid = orphan(tmp_path / "log", number)
    deadline = time.monotonic() + LONG_S
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(pid)


def test_the_tail_is_the_last_lines_and_says_where_there_are_none(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert tail(log, 2) == "    (nothing)"
    log.write_bytes(b"one\ntwo\nth\xffree\n")
    assert tail(log, 2) == "    two\n    th\ufffdree"
