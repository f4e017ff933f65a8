"""A broker that is away and comes back, a topic that somebody deleted, records that are large, a leader that dies."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import httpx

from telemetry import topics
from telemetry.bus.kafka_clients import KafkaClients
from telemetry.bus.names import Names
from telemetry.events import DecisionMade
from telemetry.reading import Unreadable, events_in
from tests.drills.account import Account
from tests.drills.disks import fill
from tests.drills.drill import Drill, Runs
from tests.drills.scenario import Scenario, counted_losses
from tests.drills.traffic import Load

LIVE: Final = 200.0
_DRAIN_S: Final = 600.0
_BIN_MS: Final = 1000


def broker_away(away_s: float) -> Scenario:
    """No broker for so long, and then its backlog, which leaves faster than it came."""

    def breaks(drill: Drill) -> list[str]:
        time.sleep(5.0)
        drill.kill_broker()
        time.sleep(away_s)
        waiting = _backlog(drill)
        drill.broker.revive()
        if not drill.until(lambda: _backlog(drill) < LIVE, _DRAIN_S):
            return [f"the backlog of {waiting} was still {_backlog(drill)} after {_DRAIN_S:.0f} s"]
        time.sleep(5.0)
        return []

    def holds(drill: Drill) -> list[str]:
        counts = drill.counts
        for what, sent in (
            ("forwarder", [(ms, 1) for ms in counts.arrived_ms]), ("worker", counts.scored_ms)
        ):  # fmt: skip
            many, rate = catching_up(sent)
            drill.notes.append(
                f"{what}: a backlog of {many:,} at {rate:,.0f} a second, {rate / LIVE:.1f} times the live rate"
            )
        return []

    name = f"broker away for {away_s:.0f} s at {LIVE:.0f} a second"
    runs = Runs(load=Load(rate=LIVE))
    return Scenario(name, breaks, runs, holds=holds, needs_our_broker=True, settle_s=_DRAIN_S)


def _backlog(drill: Drill) -> int:
    """What the router wrote and the forwarder has not carried, by what both say."""
    return int(drill.router()["recorded"] - drill.forwarder()["forwarded"])


def catching_up(sent: Sequence[tuple[int, int]]) -> tuple[int, float]:
    """Of moments (ms) with how many were sent then: how many came faster than live after the longest pause, a second.

    Up to the first second that has no more than one and a half times what live traffic brings. Pure.
    """
    moments = sorted(sent)
    _, at = max((after[0] - before[0], after[0]) for before, after in pairwise(moments))
    bins: Counter[int] = Counter()
    for ms, many in moments:
        if ms >= at:
            bins[(ms - at) // _BIN_MS] += many
    total = n = 0
    while bins[n] > 1.5 * LIVE * _BIN_MS / 1000:
        total, n = total + bins[n], n + 1
    return total, total * 1000 / (n * _BIN_MS) if n else 0.0


def scores_deleted() -> Scenario:
    """The topic of scores is gone: nothing can be folded any more, and everybody is told."""

    def breaks(drill: Drill) -> list[str]:
        drill.must(lambda: drill.settled() >= 400, "something was folded")
        _delete(drill, topics.SCORES)
        wrong = []
        if not drill.until(lambda: drill.worker().get("stopped"), 40.0):
            wrong.append("the worker's status does not say that the watch stopped")
        if not drill.until(lambda: _stop_told(drill), 20.0):
            wrong.append("no decision says that the watch stopped")
        word = {"actor": "drill", "reason": "its watch stopped"}
        drill.http.post(f"{drill.url('control')}/rollouts/drill/rollback", json=word).raise_for_status()
        if not drill.until(lambda: drill.router().get("share") == 0.0, 10.0):
            wrong.append("rolled back by hand, the router still gives the candidate its share")
        return wrong

    return Scenario(
        "scores deleted by mistake", breaks, judge=_interactions_are_there, deletes="scores", settle_s=10.0
    )


def _interactions_are_there(account: Account) -> list[str]:
    """What must hold where the scores are gone: everything before them."""
    there = account.in_kafka + account.others == account.spooled and not account.missing
    return [] if there and account.answered else [f"interactions are missing: {account}"]


def _stop_told(drill: Drill) -> bool:
    decisions = [event for _, event in events_in(drill.bus, topics.DECISIONS, Unreadable())]
    return any(isinstance(d, DecisionMade) and "the watch stopped" in d.reason for d in decisions)


def interactions_deleted() -> Scenario:
    """The topic of interactions is gone and comes back; what lay in it unscored is lost, and nothing after it."""

    def breaks(drill: Drill) -> list[str]:
        drill.must(lambda: drill.settled() >= 400, "something was folded")
        _delete(drill, topics.INTERACTIONS)
        wrong = []
        said = f"no topic '{Names(drill.namespace).topic(topics.INTERACTIONS)}'"
        # Whoever is the first to miss it makes it anew, and the others may never have.
        parts = ("worker", "forwarder", "control")
        if not drill.until(lambda: any(drill.parts.said(name, said) for name in parts), 30.0):
            wrong.append("nobody says that the topic was gone")
        before = drill.settled()
        if not drill.until(lambda: drill.settled() >= before + 600, 60.0):
            wrong.append(f"the watch does not go on: {drill.settled() - before} folded in a minute")
        return wrong

    return Scenario(
        "interactions deleted by mistake", breaks, judge=_all_that_is_there, deletes="some", settle_s=30.0
    )


def _all_that_is_there(account: Account) -> list[str]:
    """What must hold where interactions were deleted: what is there is scored and folded once."""
    wrong = [] if account.same_bits else [f"the evidence differs in {account.why}"]
    if account.twice or account.scored != account.folded:
        wrong.append(f"{account.scored} scored and {account.folded} folded")
    # Those that were deleted were scored, all but what was on its way in that moment.
    if account.answered - account.scored > LIVE * 10:
        wrong.append(f"{account.answered - account.scored} of {account.answered} answered have no score")
    return wrong


def _delete(drill: Drill, topic: str) -> None:
    """As somebody does it with Kafka's own tool."""
    name = Names(drill.namespace).topic(topic)
    with KafkaClients(drill.bus.settings).admin("deleting a topic by mistake") as admin:
        admin.delete_topics([name])


def large_records() -> Scenario:
    """Prompts of up to several megabytes among the others: what no record can hold is a dead letter, by name."""
    sizes = (500_000, 900_000, 980_000, 1_020_000, 1_500_000, 6_000_000)

    def breaks(drill: Drill) -> list[str]:
        wrong = []
        with httpx.Client(timeout=30.0) as http:
            for size in sizes * 2:
                asked = {"model": "m", "messages": [{"role": "user", "content": "long\n" + "x" * size}]}
                answer = http.post(f"{drill.url('router')}/v1/chat/completions", json=asked)
                if answer.status_code == 200:
                    drill.traffic.heard.answered.append(answer.headers["x-belay-interaction"])
                else:
                    wrong.append(f"a prompt of {size:,} characters is answered by {answer.status_code}")
                time.sleep(0.3)
        return wrong

    def judge(account: Account) -> list[str]:
        wrong, wanted = counted_losses(account), 2 * sum(size > 1_000_000 for size in sizes)
        return (
            wrong if account.told == wanted else [*wrong, f"{account.told} dead letters, expected {wanted}"]
        )

    return Scenario("records of 1 MB and more", breaks, Runs(load=Load(rate=50.0)), judge=judge)


def leaders_die(rounds: int) -> Scenario:
    """Three brokers with SASL and TLS, of which one after the other is killed: a third of all leaders each time."""

    def breaks(drill: Drill) -> None:
        for node in [0, 1, 2] * rounds:
            time.sleep(8.0)
            drill.kill_broker(node)
            time.sleep(8.0)
            drill.broker.revive(node)
        time.sleep(8.0)

    name = f"three brokers with SASL and TLS, {3 * rounds} times a leader dies"
    return Scenario(name, breaks, Runs(load=Load(rate=100.0)), needs_our_broker=True, brokers=3)


def broker_disk_full() -> Scenario:
    """The disk of one of three brokers is full, and it ends; with room again it comes back to what it missed."""
    node = 1

    def breaks(drill: Drill) -> list[str]:
        time.sleep(5.0)
        assert drill.broker.folder is not None, "a cluster of ours"
        ballast = drill.broker.folder / f"data-{node}" / "ballast"
        fill(ballast)
        ended = drill.until(lambda: not drill.broker.runs(node), 60.0)
        time.sleep(10.0)
        ballast.unlink()
        if not ended:
            return ["the broker goes on with a full disk: the drill did nothing"]
        drill.broker_kills += 1
        drill.broker.revive(node)
        time.sleep(8.0)
        return []

    runs = Runs(load=Load(rate=100.0))
    return Scenario(
        "one of three brokers has a full disk",
        breaks,
        runs,
        needs_our_broker=True,
        brokers=3,
        small_disk=node,
    )
