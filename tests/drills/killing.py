"""Kill -9 at random moments of every part, and of the broker."""

from __future__ import annotations

import random
import time
from typing import Final

from tests.drills.drill import Drill, Runs
from tests.drills.scenario import Scenario
from tests.drills.traffic import Load

OURS: Final = ("router", "forwarder", "worker", "control")
BROKER: Final = "broker"


def kill_at_random(kills: int, apart_s: tuple[float, float], seed: int = 1, which: str = "") -> Scenario:
    """So many kills, each of a part drawn anew, after a time drawn anew; each part is started again at once.

    `which` of several such series this is, for its name.
    """

    def breaks(drill: Drill) -> None:
        dice = random.Random(seed)
        # As often each, in an order of chance.
        parts = [*OURS, *([BROKER] if drill.broker.ours else [])]
        victims = [parts[n % len(parts)] for n in range(kills)]
        dice.shuffle(victims)
        for victim in victims:
            time.sleep(dice.uniform(*apart_s))
            if victim == BROKER:
                drill.kill_broker()
                drill.broker.revive()
            else:
                # One that is being started still is as good a victim as any.
                drill.parts.start(victim)
                drill.restart(victim)
        time.sleep(apart_s[1])

    # Shadows are records of their own, which have to find their interaction again.
    runs = Runs(load=Load(rate=150.0), spec={"shadow": 0.1})
    # What the last kills left behind, and reading it all: a hundred kills are thirty thousand interactions.
    return Scenario(f"kill -9, {kills} times{which}", breaks, runs, settle_s=240.0 + 2 * kills)


def kills_in_series(kills: int, series: int, apart_s: tuple[float, float]) -> list[Scenario]:
    """So many kills, dealt to so many series that draw other victims and times each."""
    dealt = [kills // series + (n < kills % series) for n in range(series)]
    return [
        kill_at_random(many, apart_s, seed=2 + n, which=f", series {n + 1} of {series}")
        for n, many in enumerate(dealt)
        if many
    ]


def workers_come_and_go(rounds: int) -> Scenario:
    """Two workers share the partitions and one decides; now one is killed, now one ends, in the middle of a batch."""

    def breaks(drill: Drill) -> list[str]:
        files = {name: str(drill.folder.root / f"worker-2{name}") for name in (".json", ".jsonl", ".words")}
        mine = {
            "status_file": files[".json"],
            "evidence_file": files[".jsonl"],
            "table_file": files[".words"],
        }
        drill.also("worker-2", "worker", worker=mine)
        leave = (drill.parts.kill, drill.parts.stop)
        for turn in range(2 * rounds):
            time.sleep(6.0)
            name = ("worker", "worker-2")[turn % 2]
            leave[turn // 2 % 2](name)
            drill.parts.start(name)
        before = drill.settled()
        goes_on = drill.until(lambda: drill.settled() > before + 500, 60.0)
        return [] if goes_on else [f"nobody folds: {drill.settled() - before} scores in a minute"]

    return Scenario(f"two workers, of which one goes {2 * rounds} times", breaks)
