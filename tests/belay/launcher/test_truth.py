"""The replay client's truth through a real broker, router and worker, with an engine that is scripted."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from belay.home import RunFolder
from belay.launcher.rollout_run import RolloutRun, Tick, run_rollout
from belay.launcher.turns import read_turns
from belay.launcher.unseen import write_unseen
from evaluator.briefs.brief import load_brief
from evaluator.watch.reporting.summary import Summary
from serving.engines.arms import Endpoint
from tests.belay.launcher.test_allotment import engine, rollout_of
from tests.places import BRIEF

pytestmark = pytest.mark.slow

__all__ = ["engine"]  # a fixture, which pytest finds by its name here
COUNT = 90
PLAN = {
    "capabilities": [{"name": "facts", "traffic": 0.3, "base": 0.9, "threshold": 0.05}],
    "rate": 2.0,
    "stages": "50%",
}


def test_the_client_knows_every_interaction_of_its_own_as_kafka_has_it(
    own_broker: str, engine: str, tmp_path: Path
) -> None:
    written = write_unseen(BRIEF.parent, tmp_path / "unseen.jsonl", COUNT, seed=3)
    run = RolloutRun(
        spec=rollout_of(load_brief(BRIEF)).model_copy(update={"rollout_id": "truth"}),
        brief=BRIEF,
        turns=read_turns(written, COUNT, seed=3),
        control=Endpoint(arm="control", url=engine),
        candidate=Endpoint(arm="candidate", url=engine),
        bootstrap=own_broker,
        folder=RunFolder(tmp_path / "run"),
        concurrency=8,
    )
    seen: list[Tick] = []
    dashboard: list[str] = []
    told: list[dict[str, Any]] = []

    def over(_: Summary) -> None:
        """The dashboard is still up, and a worker of its own has told it how the arms answer."""
        until = time.monotonic() + 60
        while not told or sum(arm["answers"] for arm in told[-1]["arms"]) < COUNT:
            assert time.monotonic() < until, told[-1:]
            told.append(httpx.get(f"{dashboard[0]}/api/rollouts/truth").json())
            time.sleep(0.1)
        told.append(httpx.get(f"{dashboard[0]}/api/rollouts/truth/outlook", timeout=60).json())
        told.append(httpx.post(f"{dashboard[0]}/api/plan", json=PLAN, timeout=60).json())

    summary = run_rollout(run, seen.append, dashboard.append, over)
    *_, rollout, outlook, plan = told
    assert {arm["arm"]: arm["failed"] for arm in rollout["arms"]} == {"control": 0, "candidate": 0}
    assert sum(arm["answers"] for arm in rollout["arms"]) == COUNT
    assert sum(row["units"] for row in outlook["rows"]) > 0
    assert plan["curves"][0]["found"][-1]["p50"] > 0, (
        "the planner is there in the process that `belay` starts"
    )
    assert seen[-1].traffic.failed == 0, seen[-1].traffic.errors
    assert summary.truth is not None
    assert summary.truth.known == summary.interactions == COUNT
    strangers = sum(t.truth is not None and t.truth.capability is None for t in run.turns)
    assert summary.truth.known - summary.truth.in_scope == strangers
    for file in run.folder.root.rglob("*"):
        if file.is_file() and file.suffix not in {".png", ".html"}:
            assert b'"verifier"' not in file.read_bytes(), f"{file} has what the client alone may know"
