"""One timer for many waits."""

from __future__ import annotations

import asyncio
import math

from router.proxy.wire.lookout import Lookout
from tests.router.proxy.fakes import until


class Wait:
    """One that is over at `due`."""

    def __init__(self, lookout: Lookout, due: float) -> None:
        self.lookout, self.due, self.over = lookout, due, False

    def look(self, now: float) -> float:
        if now < self.due:
            return self.due
        self.lookout.drop(self)
        self.over = True
        return math.inf


def waits(lookout: Lookout, *seconds: float) -> list[Wait]:
    now = asyncio.get_running_loop().time()
    found = [Wait(lookout, now + each) for each in seconds]
    for wait in found:
        lookout.add(wait, wait.due)
    return found


async def test_each_is_looked_at_when_it_is_due_whoever_came_first() -> None:
    lookout = Lookout()
    late, early = waits(lookout, 5.0, 0.03)
    await until(lambda: early.over)
    assert not late.over
    again, _ = waits(lookout, 0.03, 4.0)
    await until(lambda: again.over)
    assert not late.over
    lookout.close()


async def test_who_waits_no_more_is_not_looked_at() -> None:
    lookout = Lookout()
    gone, there = waits(lookout, 0.01, 0.02)
    lookout.drop(gone)
    await until(lambda: there.over)
    assert not gone.over


async def test_who_is_due_earlier_than_it_said_says_so_again() -> None:
    lookout = Lookout()
    (wait,) = waits(lookout, 60.0)
    wait.due = asyncio.get_running_loop().time() + 0.02
    lookout.add(wait, wait.due)
    await until(lambda: wait.over)
