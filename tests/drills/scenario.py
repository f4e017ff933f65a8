"""The one shape of all drills: what runs, what breaks, what must hold; and the table of what came of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from tests.drills.account import Account
from tests.drills.brokers import Broker, apache_kafka
from tests.drills.disks import may_mount
from tests.drills.drill import Drill, Runs, running
from tests.drills.parts import left_of


def _nothing(drill: Drill) -> list[str]:
    """The default of what else must hold."""
    del drill
    return []


@dataclass(frozen=True)
class Scenario:
    """One drill: what runs, what breaks, what must hold.

    `breaks` is called with traffic running, and returns what it finds wrong by itself, one sentence each. `judge` looks
    at the account likewise, and `holds` at the drill after that. `may_fall` says that a part may end by itself;
    `needs_our_broker` that the broker is broken, too, `brokers` that it is a cluster of so many with SASL and TLS,
    of which `small_disk` has a small one.
    `deletes` is what somebody deletes in it, for the table: that is lost, and has to be said.
    """

    name: str
    breaks: Callable[[Drill], list[str] | None]
    runs: Runs = field(default_factory=Runs)
    judge: Callable[[Account], list[str]] = field(default_factory=lambda: counted)
    holds: Callable[[Drill], list[str]] = _nothing
    may_fall: bool = False
    needs_our_broker: bool = False
    deletes: str = ""
    brokers: int = 1
    small_disk: int | None = None
    settle_s: float = 240.0


@dataclass(frozen=True)
class Outcome:
    """What came of one. `wrong` says what did not hold, `figures` are what benchmarks ask for."""

    scenario: str
    kills: int
    seconds: float
    account: Account | None
    wrong: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    skipped: str = ""
    deletes: str = ""
    figures: dict[str, float] = field(default_factory=dict)


def carry_out(scenario: Scenario, broker: Broker, folder: Path) -> Outcome:
    """Run one drill to its account. Nothing is left running."""
    begun = time.monotonic()
    if (scenario.needs_our_broker or scenario.brokers > 1) and not broker.ours:
        return Outcome(scenario.name, 0, 0.0, None, skipped=f"{broker.what} is not ours to break")
    with ExitStack() as also:
        if scenario.brokers > 1:
            if scenario.small_disk is not None and not may_mount():
                return Outcome(scenario.name, 0, 0.0, None, skipped="no small disk can be mounted here")
            cluster_folder = folder.with_name(f"{folder.name}-kafka")
            cluster = apache_kafka(cluster_folder, scenario.brokers, secured=True, small=scenario.small_disk)
            broker = also.enter_context(cluster)
        drill = also.enter_context(running(folder, scenario.runs, broker))
        drill.traffic.start()
        wrong = list(scenario.breaks(drill) or [])
        account = drill.settle(scenario.settle_s)
        wrong += scenario.judge(account) + scenario.holds(drill)
        if not scenario.may_fall:
            wrong += drill.parts.fell
        kills = drill.parts.kills + drill.broker_kills
        notes, figures = (*drill.notes, *_said_of(drill)), drill.figures
    wrong += left_of(folder)
    took_s = time.monotonic() - begun
    return Outcome(
        scenario.name, kills, took_s, account, tuple(wrong), notes, deletes=scenario.deletes, figures=figures
    )


def _said_of(drill: Drill) -> list[str]:
    """What clients got that was no answer."""
    heard = drill.traffic.heard
    if not heard.failed:
        return []
    failed = ", ".join(f"{count} {what}" for what, count in heard.failed.most_common())
    return [f"of {heard.sent:,} requests {heard.failed.total():,} had no answer: {failed}"]


def judged(account: Account, *, may_lose: bool = False) -> list[str]:
    """What of an account does not hold. Pure."""
    a, wrong = account, []
    if not a.answered:
        wrong.append("nothing was answered")
    if a.lost:
        wrong.append(f"{a.lost} lost, and nobody said so")
    if a.twice:
        wrong.append(f"{a.twice} folded twice")
    if not a.same_bits:
        wrong.append(f"the evidence differs from one fold without failures in {a.why}")
    if a.told and not may_lose:
        wrong.append(f"{a.told} told as lost")
    if a.told != a.missing:
        wrong.append(f"{a.missing} of those that were answered are missing, and {a.told} are told as lost")
    if a.spooled != a.in_kafka + a.others + a.told - a.unrecorded:
        there = (
            f"{a.in_kafka} interactions and {a.others} others in Kafka, {a.told - a.unrecorded} told as lost"
        )
        wrong.append(f"{a.spooled} spooled, but {there}")
    return wrong


def counted(account: Account) -> list[str]:
    """The judge of drills in which nothing may be lost."""
    return judged(account)


def counted_losses(account: Account) -> list[str]:
    """The judge of drills in which something must be lost: as many as are told."""
    return judged(account, may_lose=True) + (
        [] if account.told else ["nothing was lost: the drill did nothing"]
    )


_COUNTS: Final = ("answered", "spooled", "in_kafka", "others", "scored", "folded", "lost", "told", "twice")
_CALLED: Final = {"in_kafka": "in Kafka", "others": "shadows"}


def table(outcomes: Sequence[Outcome]) -> Table:
    """What came of all of them."""
    made = Table(title="Drills", title_justify="left")
    made.add_column("scenario")
    for name in ("s", "kills", *_COUNTS):
        made.add_column(_CALLED.get(name, name), justify="right")
    made.add_column("same evidence")
    made.add_column("holds")
    for one in outcomes:
        first = (one.scenario, f"{one.seconds:.0f}", str(one.kills))
        if one.account is None:
            made.add_row(*first, *[""] * (len(_COUNTS) + 1), one.skipped or "NO")
            continue
        counts = {name: f"{getattr(one.account, name):,}" for name in _COUNTS}
        if one.deletes:
            counts["lost"] = one.deletes
        same = "yes" if one.account.same_bits else "-" if one.deletes else "NO"
        made.add_row(*first, *counts.values(), same, "NO" if one.wrong else "yes")
    return made


def tell(outcomes: Sequence[Outcome], console: Console) -> None:
    """The table, and under it what did not hold and what was measured."""
    console.print(table(outcomes))
    counted_ones = [one.account for one in outcomes if one.account is not None and not one.deletes]
    answered, lost, twice = (sum(getattr(a, n) for a in counted_ones) for n in ("answered", "lost", "twice"))
    kills = sum(one.kills for one in outcomes)
    console.print(f"together: {kills:,} kills, {answered:,} answered, {lost} lost, {twice} folded twice")
    for one in outcomes:
        for line in one.notes:
            console.print(f"{one.scenario}: {line}", markup=False)
        for line in one.wrong:
            console.print(f"{one.scenario}: NOT SO: {line}", markup=False)
