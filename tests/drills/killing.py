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


def kill_at_random(kills: int, apart_s: tuple[float, float], seed: int = 1) -> Scenario:
    """So many kills, each of a part drawn anew, after a time drawn anew; each part is started again at once."""

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

    return Scenario(f"kill -9, {kills} times", breaks, Runs(load=Load(rate=150.0)))
