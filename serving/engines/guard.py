"""`python -m serving.engines.guard PARENT GRACE_S COMMAND...`: runs a command and lets no process of it outlive us.

An engine is a tree of processes. The guard is its root: orphans of the tree become the guard's children
(Linux subreaper), so that it can end all of them, whatever sessions they opened. It ends the tree when it
is told to (SIGTERM), when the command itself ends, and when `PARENT`, who started the guard, is gone; a
guard that is killed takes the command with it. Its exit status is the command's.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_POLL_S = 0.1
_LIBC = ctypes.CDLL(None, use_errno=True)


def guard(parent: int, grace_s: float, command: list[str]) -> int:
    """Run `command` until it ends or must end; then end what is left of its tree. Returns its status."""
    asked: list[int] = []

    def remember(number: int, _frame: FrameType | None) -> None:
        asked.append(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, remember)
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    child = _start(command)
    status = None
    while status is None and not asked and os.getppid() == parent:
        status = _reap(child)
        if status is None:
            time.sleep(_POLL_S)
    left = _end_tree(child, grace_s)
    return status if status is not None else left


def _start(command: list[str]) -> int:
    mine = os.getpid()
    child = os.fork()
    if child:
        return child
    # The guard has one thread, so between fork and exec nothing of ours can be half-done.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != mine:
        os._exit(1)
    try:
        os.execvp(command[0], command)  # noqa: S606 - an argument list of ours, no shell
    except OSError as error:
        os.write(2, f"cannot run {command[0]}: {error}\n".encode())
        os._exit(127)


def _reap(child: int) -> int | None:
    """Collect every child that ended; the status of `child` where it is among them."""
    status = None
    while True:
        try:
            pid, raw = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return status
        if pid == 0:
            return status
        if pid == child:
            status = os.waitstatus_to_exitcode(raw)


def _end_tree(child: int, grace_s: float) -> int:
    """SIGTERM, after `grace_s` SIGKILL, until no descendant is left. The status of `child`, 0 if reaped before."""
    deadline = time.monotonic() + grace_s
    status, asked = 0, set[int]()
    while True:
        reaped = _reap(child)
        status = reaped if reaped is not None else status
        left = descendants(os.getpid())
        if not left:
            return status
        # In every round: /proc is not read at one moment, so a child of a dying process may be overlooked.
        if time.monotonic() > deadline:
            _send(signal.SIGKILL, left)
        else:
            _send(signal.SIGTERM, [pid for pid in left if pid not in asked])
            asked.update(left)
        time.sleep(_POLL_S / 2)


def _send(number: int, pids: list[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def descendants(root: int) -> list[int]:
    """Every process below `root`, by /proc, zombies included."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        # The command's name is in parentheses and may hold anything; the parent is the second field after.
        children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry.name))
    found: list[int] = []
    waiting = [root]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


if __name__ == "__main__":
    code = guard(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:])
    sys.exit(code if code >= 0 else 128 - code)
