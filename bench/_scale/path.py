"""The whole path as it runs: router, spool, forwarder, broker, scorer, decider, and what an interaction costs in each.

The processes and the client are those of the drills; the engines are stubs, and neither they nor the client count.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from _shape import say

from _scale.cpu import all_of
from tests.drills import world
from tests.drills.brokers import Broker
from tests.drills.drill import Drill, Runs, running
from tests.drills.traffic import Load

COUNTED: Final = ("router", "forwarder", "broker", "worker", "control")
RATE: Final = 400.0
"""Requests a second, or what the machine has left for them: at a tenth of it the idle costs are most of it."""
_WINDOW_S: Final = 1.0
_SETTLE_S: Final = 300.0


@dataclass(frozen=True)
class Measured:
    """CPU seconds of each process over so many interactions; `windows` are seconds an interaction, a window each."""

    interactions: int
    cpu_s: dict[str, float]
    windows: dict[str, tuple[float, ...]]
    lost: int
    wall_s: float

    def each_us(self, name: str) -> float:
        """Microseconds of CPU for one interaction in one process."""
        return 1e6 * self.cpu_s[name] / self.interactions


def prompts(seed: int) -> dict[str, str]:
    """Sums that stand in no item, so that the prompt itself says what is right, and a brief's own items."""
    dice = random.Random(seed)
    drawn = {}
    for _ in range(400):
        a, b = dice.randrange(100, 1000), dice.randrange(100, 1000)
        drawn[f"What is {a} + {b}?"] = str(a + b)
    return drawn | {prompt: answer for prompt, answer in world.answers().items() if "capital" in prompt}


def whole_path(broker: Broker, seconds: float, seed: int, then: Callable[[Drill], None]) -> Measured:
    """Send for so long, wait until all of it is folded, and say what that took; `then` is called before all ends."""
    runs = Runs(load=Load(rate=RATE), answers=prompts(seed))
    with (
        tempfile.TemporaryDirectory(prefix="belay-scale-") as folder,
        running(Path(folder) / "run", runs, broker) as drill,
    ):
        pids = _pids(drill, broker)
        before, windows = all_of(pids), _Windows(drill, pids)
        began = time.monotonic()
        drill.traffic.start()
        while time.monotonic() - began < seconds:
            time.sleep(_WINDOW_S)
            windows.look()
        drill.traffic.stop()
        answered = len(drill.traffic.heard.answered)
        say(f"  {answered:,} interactions answered in {time.monotonic() - began:.0f} s")
        drill.must(lambda: drill.settled() >= answered, "all are folded", _SETTLE_S)
        wall_s = time.monotonic() - began
        after = all_of(pids)
        account = drill.settle(_SETTLE_S)
        then(drill)
        used = {name: after[name] - before[name] for name in pids}
        return Measured(account.folded, used, windows.found, account.lost, wall_s)


def _pids(drill: Drill, broker: Broker) -> dict[str, int]:
    """The processes that count; a broker that is not ours does not."""
    found = {name: drill.parts.pid(name) for name in COUNTED if name != "broker"}
    if broker.folder is not None:
        found["broker"] = int((broker.folder / "broker-0.pid").read_text(encoding="ascii"))
    return {name: pid for name, pid in found.items() if pid is not None}


class _Windows:
    """CPU an interaction, window by window: of each process beside what went through it meanwhile."""

    def __init__(self, drill: Drill, pids: dict[str, int]) -> None:
        self._drill, self._pids = drill, pids
        self._cpu, self._through = all_of(pids), self._counts()
        self.found: dict[str, tuple[float, ...]] = {}

    def look(self) -> None:
        """End a window. One in which next to nothing went through a process says nothing of it."""
        cpu, through = all_of(self._pids), self._counts()
        for name in self._pids:
            done = through[name] - self._through[name]
            if done >= 20:
                each = (cpu[name] - self._cpu[name]) / done
                self.found[name] = (*self.found.get(name, ()), each)
                self._cpu[name], self._through[name] = cpu[name], through[name]

    def _counts(self) -> dict[str, int]:
        answered = len(self._drill.traffic.heard.answered)
        sent = int(self._drill.forwarder().get("forwarded", 0))
        settled = max(0, self._drill.settled())
        return {"router": answered, "control": answered, "forwarder": sent, "broker": sent, "worker": settled}
