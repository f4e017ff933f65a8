"""A disk that is full, a quota that is reached, spool files that are damaged, a rollout file that is none."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

from telemetry.spool.folder import segments
from tests.drills.disks import may_mount, small_disk
from tests.drills.drill import Drill, Runs
from tests.drills.scenario import Scenario, counted_losses
from tests.drills.traffic import Load

ROOM_BYTES: Final = 2 << 20
_NOTED_S: Final = 0.6
"""Within 200 ms a writer has noted how many records it wrote; a cut before that would be counted less exactly."""


def disk_full() -> Scenario:
    """Nobody carries the spool away until its disk is full; then somebody does. A quota stands in for a full disk."""
    full = may_mount()

    def breaks(drill: Drill) -> list[str]:
        time.sleep(2.0)
        drill.parts.kill("forwarder")
        counter = "unrecorded" if full else "dropped"
        lost = drill.until(lambda: drill.router()[counter] > 300, 60.0)
        drill.parts.start("forwarder")
        before = drill.settled()
        goes_on = drill.until(lambda: drill.settled() > before + 1000, 60.0)
        drill.notes.append(f"{drill.router()[counter]:,} records found no room")
        wrong = [] if lost else [f"the router's `{counter}` stays {drill.router()[counter]}"]
        return wrong if goes_on else [*wrong, "there is room again, and nothing is forwarded"]

    load = Load(rate=200.0)
    if full:
        return Scenario(
            "spool's disk full",
            breaks,
            Runs(load=load, around=lambda run: small_disk(run.spool, ROOM_BYTES)),
            judge=counted_losses,
        )
    runs = Runs(load=load, settings={"router": {"spool_quota_bytes": ROOM_BYTES}})
    return Scenario("spool's quota reached", breaks, runs, judge=counted_losses)


def spool_damaged() -> Scenario:
    """A bit that flipped in the middle of one segment, and another segment cut in two."""

    def breaks(drill: Drill) -> None:
        time.sleep(2.0)
        drill.parts.kill("forwarder")
        for damage in (_flip, _cut):
            time.sleep(4.0)
            drill.traffic.stop()
            time.sleep(_NOTED_S)
            drill.parts.kill("router")
            damage(segments(drill.folder.spool)[-1].path)
            drill.parts.start("router")
            drill.must(drill.router, "the router is back")
            drill.traffic.start()
        time.sleep(4.0)
        drill.parts.start("forwarder")

    def holds(drill: Drill) -> list[str]:
        said = drill.forwarder()
        drill.notes.append("; ".join(f"{loss['records']} lost: {loss['what']}" for loss in said["losses"]))
        return [] if drill.parts.said("forwarder", "lost") else ["the forwarder's log says nothing of losses"]

    return Scenario("spool cut, and with a flipped bit", breaks, judge=counted_losses, holds=holds)


def _flip(path: Path) -> None:
    with path.open("r+b") as file:
        middle = path.stat().st_size // 2
        file.seek(middle)
        byte = file.read(1)[0]
        file.seek(middle)
        file.write(bytes([byte ^ 8]))


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size * 2 // 3)


def rollout_file_spoilt() -> Scenario:
    """The rollout file half written, gone back to an older state, of another rollout; control heals it each time."""

    def breaks(drill: Drill) -> list[str]:
        time.sleep(2.0)
        file, wrong = drill.folder.rollout_file, []
        first = file.read_bytes()
        word = {"actor": "drill", "reason": "next"}
        drill.http.post(f"{drill.url('control')}/rollouts/drill/promote", json=word).raise_for_status()
        drill.must(lambda: drill.router()["revision"] == 2, "the router has the next stage")
        share = drill.router()["share"]
        file.write_bytes(first[: len(first) // 2])
        if not drill.until(lambda: drill.router()["rollout_file_unreadable"], 5.0):
            wrong.append("the router does not say that the file cannot be read")
        if drill.router()["share"] != share:
            wrong.append("half a file changed the share")
        wrong += _healed(drill, share, "half a file")
        file.write_bytes(first)
        wrong += _healed(drill, share, "an older state")
        file.write_bytes(first.replace(b'"rollout_id": "drill"', b'"rollout_id": "another"'))
        return wrong + _healed(drill, share, "another rollout's state")

    stages = ({"share": 0.3}, {"share": 0.6})
    return Scenario("rollout file half written, older, of another", breaks, Runs(spec={"stages": stages}))


def _healed(drill: Drill, share: float, what: str) -> list[str]:
    """Control, started again, puts the file right from what Kafka has."""
    time.sleep(1.0)
    drill.restart("control")
    well = drill.until(
        lambda: drill.router().get("share") == share and drill.router()["rollout_id"] == "drill", 20.0
    )
    return [] if well else [f"{what} is still in force after a restart of control: {drill.router()}"]
