"""Trains in children that kill themselves: `python -m tests.trainer.loop.killed SHOP OUT PLAN ...`, a plan like 4,17.

Events are every report of progress, and every rename before it is done and after. For each plan one child after
another is killed with SIGKILL at the event that the plan names next, and goes on where the one before it was killed;
the last one is not killed. A plan of "-" kills none. Plan number n trains into OUT/n/c. Prints a JSON line a child.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from tests.trainer.tiny_shop import tiny_settings
from trainer import workshop  # noqa: F401 - loaded once, before the children part
from trainer.pipeline import run

SETTINGS: dict[str, Any] = {
    "steps": 9,
    "lora": {"rank": 4, "dropout": 0.1},
    "sam": {"every": 2},
    "average": {"last": 0.5},
    "watch": {"every": 3},
    "checkpoints": {"every": 2, "items": 8, "patience": 3},
    "merge": {"weights": [0.5, 1.0], "items": 8},
    "sweep": {"learning_rates": [0.01, 0.02], "steps": [3, 5], "items": 8},
}


class Events:
    """Counts events, and ends the process at one of them as nothing but the kernel can."""

    def __init__(self, last: int | None) -> None:
        self.count, self._last = 0, last

    def happen(self) -> None:
        self.count += 1
        if self.count == self._last:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, rename: Callable[[Path, Any], Path]) -> Callable[[Path, Any], Path]:
        def renamed(path: Path, target: Any) -> Path:
            self.happen()
            found = rename(path, target)
            self.happen()
            return found

        return renamed


def child(shop: Path, output: Path, last: int | None, result: int) -> None:
    """One training, killed at event `last`; writes the number of events it saw to `result`."""
    events = Events(last)
    Path.rename = events.around(Path.rename)  # type: ignore[assignment, method-assign]
    Path.replace = events.around(Path.replace)  # type: ignore[assignment, method-assign]
    run(tiny_settings(shop, output, **SETTINGS), lambda *_: events.happen())
    os.write(result, str(events.count).encode())


def main() -> None:
    """Run the plans one after another."""
    torch.set_num_threads(1)
    shop, out = Path(sys.argv[1]), Path(sys.argv[2])
    for number, plan in enumerate(sys.argv[3:]):
        for last in [*(int(kill) for kill in plan.split(",") if kill != "-"), None]:
            row = {"plan": number, "killed_at": last, **in_child(shop, out / str(number) / "c", last)}
            sys.stdout.write(json.dumps(row) + "\n")
            sys.stdout.flush()  # or the next child would write it once more


def in_child(shop: Path, output: Path, last: int | None) -> dict[str, Any]:
    """How a child ended, and how many events it saw where it came to its end."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            child(shop, output, last, writing)
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    _, status = os.waitpid(pid, 0)
    with os.fdopen(reading) as said:
        return {"signal": os.WTERMSIG(status), "status": status, "events": said.read()}


if __name__ == "__main__":
    main()
