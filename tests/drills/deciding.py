"""A decision that falls while somebody is down whom it concerns, and how long one takes to the routers."""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Sequence
from typing import Final

from telemetry import codec, topics
from telemetry.bus.catching_up import read_to_end
from telemetry.events import Allotment, DecisionMade, new_id
from telemetry.reading import Unreadable, events_in
from tests.drills.drill import Drill, Runs
from tests.drills.ports import lasting_port
from tests.drills.scenario import Scenario
from tests.drills.traffic import Load

BAD: Final = Runs(spec={"alpha": 0.01}, wrong={"control": 0.05, "candidate": 0.9})
"""A candidate that is rolled back within some hundred interactions."""
_LOOK_S: Final = 0.02
_APPLIED_S: Final = 5.0


def control_is_down() -> Scenario:
    """A `roll_back` falls while control is down. It acts as soon as it is back."""

    def breaks(drill: Drill) -> list[str]:
        drill.parts.kill("control")
        if not drill.until(lambda: _rolled_back_in_kafka(drill), 60.0):
            return ["no decision to roll back fell"]
        if drill.status_in_file() != "ramping":
            return [f"with control down the file says {drill.status_in_file()}"]
        drill.parts.start("control")
        begun = time.monotonic()
        if not drill.until(lambda: drill.router().get("share") == 0.0, 30.0):
            return ["control is back, and the candidate still has its share"]
        drill.notes.append(f"rolled back {time.monotonic() - begun:.1f} s after control was started")
        return []

    return Scenario("a decision while control is down", breaks, BAD)


def router_is_down() -> Scenario:
    """A `roll_back` falls while the router is down. Its first request after that goes to base."""

    def breaks(drill: Drill) -> list[str]:
        drill.parts.stop("worker")
        time.sleep(6.0)
        drill.traffic.stop()
        drill.parts.kill("router")
        drill.parts.start("worker")
        if not drill.until(lambda: drill.status_in_file() == "rolled_back", 60.0):
            return ["no decision to roll back fell"]
        before = drill.traffic.heard.by_arm["candidate"]
        drill.parts.start("router")
        drill.must(drill.router, "the router is back")
        drill.traffic.start()
        time.sleep(2.0)
        more = drill.traffic.heard.by_arm["candidate"] - before
        return [f"{more} requests went to a candidate that was rolled back"] if more else []

    return Scenario("a decision while the router is down", breaks, BAD)


def _rolled_back_in_kafka(drill: Drill) -> bool:
    decisions = [event for _, event in events_in(drill.bus, topics.DECISIONS, Unreadable())]
    return any(isinstance(d, DecisionMade) and d.action == "roll_back" for d in decisions)


def latencies(for_s: float, extra: int, routers: int = 2) -> Scenario:
    """From a score, and a decision, to the last of several routers: a `hold` with an allotment is a new revision."""

    def breaks(drill: Drill) -> list[str]:
        urls = [drill.url("status"), *(_further_router(drill, n) for n in range(2, routers + 1))]
        drill.must(lambda: drill.settled() > 0, "something was folded")
        seen: dict[int, int] = {}
        drill.must(lambda: _note(drill, urls, seen) >= 0, "all routers have one revision")
        begun_with = max(seen)  # the last of them took it on when it began, whenever it was decided
        _watch(drill, urls, seen, for_s)
        by_decision = sum(revision > begun_with for revision in seen)
        drill.traffic.stop()
        _publish_holds(drill, urls, seen, extra)
        decided, scored = _times(drill, {r: at for r, at in seen.items() if r > begun_with})
        drill.notes.append(f"decision_to_router: {_told(decided)}; {extra} holds that the drill sent")
        drill.notes.append(f"score_to_router: {_told(scored)}; {by_decision} revisions seen under traffic")
        drill.notes.append(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        for name, times in (("decision_to_router_p99_ms", decided), ("score_to_router_p99_ms", scored)):
            if times:
                drill.figures[name] = _p99(times)
        return [] if decided and scored else ["no revision was seen at all routers"]

    shadowed = Runs(load=Load(rate=200.0), spec={"shadow": 0.2})
    return Scenario(f"latencies to {routers} routers", breaks, shadowed)


def _further_router(drill: Drill, number: int) -> str:
    """Start another router on the same rollout file; where it tells how it is."""
    port, name = lasting_port(), f"router-{number}"
    spool = str(drill.folder.root / f"spool-{number}")
    drill.also(name, "router", port=lasting_port(), status_port=port, router_id=name, spool_folder=spool)
    url = f"http://127.0.0.1:{port}"
    drill.must(lambda: drill.status_of(url), f"{name} answers")
    return url


def _watch(drill: Drill, urls: Sequence[str], seen: dict[int, int], for_s: float) -> None:
    """Note for each revision when the last of the routers took it on (epoch ns)."""
    deadline = time.monotonic() + for_s
    while time.monotonic() < deadline:
        _note(drill, urls, seen)
        time.sleep(_LOOK_S)


def _note(drill: Drill, urls: Sequence[str], seen: dict[int, int]) -> int:
    """Look once: the revision that all routers have, -1 where they differ."""
    found = [drill.status_of(url) for url in urls]
    revisions = {one.get("revision", -1) for one in found}
    if len(revisions) > 1 or -1 in revisions:
        return -1
    (revision,) = revisions
    seen[revision] = max(one["applied_at_ns"] for one in found)
    return int(revision)


def _publish_holds(drill: Drill, urls: Sequence[str], seen: dict[int, int], count: int) -> None:
    """Decisions of our own, one by one: each with an allotment of more scores, so that each is a new revision."""
    made = [event for _, event in events_in(drill.bus, topics.DECISIONS, Unreadable())]
    last = next(one for one in reversed(made) if isinstance(one, DecisionMade))
    with drill.bus.publisher() as publisher:
        for number in range(count):
            allotment = Allotment(
                settled=10**9 + number, by_capability={"sums": (number + 1) / 1000}, otherwise=0.1
            )
            hold = last.model_copy(update={"event_id": new_id(), "action": "hold", "allotment": allotment})
            before = max(seen, default=0)
            publisher.send(codec.encode(hold))
            publisher.flush()
            drill.until(lambda before=before: _note(drill, urls, seen) > before, _APPLIED_S)  # type: ignore[misc]  # mypy cannot type a lambda's default


def _times(drill: Drill, seen: dict[int, int]) -> tuple[list[float], list[float]]:
    """Milliseconds from decision, and from deciding score, to the last router."""
    revisions = {
        line["decision_id"]: line["revision"]
        for line in map(
            json.loads, (drill.folder.root / "control.jsonl").read_text(encoding="utf-8").splitlines()
        )
        if line["outcome"] == "applied"
    }
    with drill.bus.reader([topics.SCORES]) as reader:
        scored_at = {record.offset: record.timestamp_ms for record in read_to_end(reader)}
    decided, scored = [], []
    for record, event in events_in(drill.bus, topics.DECISIONS, Unreadable()):
        applied_ns = seen.get(revisions.get(event.event_id, -1))
        if applied_ns is None or not isinstance(event, DecisionMade):
            continue
        decided.append(applied_ns / 1e6 - record.timestamp_ms)
        at_ms = scored_at.get(event.proof.last_offset)
        if at_ms is not None and event.allotment is not None and event.allotment.settled < 10**9:
            scored.append(applied_ns / 1e6 - at_ms)
    return decided, scored


def _told(times: Sequence[float]) -> str:
    if not times:
        return "none"
    return f"median {statistics.median(times):.0f} ms, p99 {_p99(times):.0f} ms of {len(times)}"


def _p99(times: Sequence[float]) -> float:
    return sorted(times)[min(len(times) - 1, int(0.99 * len(times)))]
