"""What waits for what: each step of the pipeline names what it needs, and nothing where it flows."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from belay.launcher.routes import Route
from belay.launcher.routes_shown import Step
from belay.launcher.seen import OtherSeen, Seen, see
from belay.launcher.status import SILENT_S, steps
from belay.project import Project
from evaluator.watch.worker.status import RolloutStatus, WorkerStatus
from evaluator.watch.worker.unknown import UnknownStatus
from serving.models.manifest import Manifest
from serving.models.store import StoredModel
from telemetry.events import JudgeAnchors
from tests.conftest import a_free_port
from tests.router.values import promoted, started


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        return


ROUTER: dict[str, Any] = {
    "requests": {"control": 90, "candidate": 10}, "in_flight": 1, "fallbacks": 2, "shadows": 5
}  # fmt: skip
RAMPING = started(shares=(0.05, 0.5))


def worker(interactions: int = 100, scored: int = 100, settled: int = 100) -> WorkerStatus:
    mine = RolloutStatus(
        rollout_id="r1", status="ramping", stage=0, stages=2, share=0.05, revision=1, settled=settled, untagged=0,
        unscored=0, combined=1.5, bar=100.0, decisions=0, last_decision=None, evidence=(),
    )  # fmt: skip
    return WorkerStatus(judge="j", tagger="t", interactions=interactions, scored=scored, rollouts=(mine,))


ALL_WELL = Seen(
    router=ROUTER,
    control=True,
    forwarder={"forwarded": 100, "waiting": 0},
    worker=worker(),
    worker_age_s=0.5,
    engines={"base": True, "candidate": True},
    rollout=RAMPING,
)


def waits(seen: Seen) -> dict[str, str]:
    return {step.name: step.waits_for for step in steps(seen) if step.waits_for}


def test_where_all_is_well_nothing_waits() -> None:
    assert waits(ALL_WELL) == {}


def test_what_the_spool_lost_is_said() -> None:
    seen = replace(ALL_WELL, forwarder={"forwarded": 100, "waiting": 0, "lost": 50, "dropped": 7})
    (told,) = [step.told for step in steps(seen) if step.name == "to Kafka"]
    assert "7 lost to the quota" in told
    assert "50 lost from the spool" in told


@pytest.mark.parametrize(
    ("changes", "step", "waited"),
    [
        ({"router": {}}, "traffic", "belay up router"),
        ({"engines": {"base": True, "candidate": False}}, "answers", "the engine of candidate"),
        ({"forwarder": {}}, "to Kafka", "belay up forwarder"),
        ({"forwarder": {"broker_error": "no broker"}}, "to Kafka", "the broker: no broker"),
        ({"forwarder": {"spool_error": "disk full"}}, "to Kafka", "disk full"),
        ({"worker": None}, "judged", "belay up worker"),
        ({"worker_age_s": SILENT_S + 1}, "judged", "silent for 0:00:11"),
        ({"worker": worker(scored=93)}, "judged", "7 interactions to be judged"),
        ({"control": False}, "rollout", "belay up control"),
        ({"rollout": None}, "rollout", "belay rollout start"),
    ],
)
def test_each_step_names_what_it_waits_for(changes: dict[str, Any], step: str, waited: str) -> None:
    assert waited in waits(replace(ALL_WELL, **changes))[step]


def test_traffic_that_no_capability_covers_is_told_and_its_growth_waits_for_a_wider_brief() -> None:
    usual = UnknownStatus(tagged=400, unknown=40)
    grown = UnknownStatus(tagged=2000, unknown=400, usual=0.1, recent=0.32, e_value=2e4, alarm=True)
    for said, told, waited in (
        (usual, "10% of 400 interactions belong to no capability", {}),
        (grown, "of late 32%, where 10% was usual", {"tagged": "a wider brief: `belay map suggest`"}),
    ):
        seen = replace(ALL_WELL, worker=worker().model_copy(update={"unknown": said}))
        assert waits(seen) == waited
        assert told in next(step.told for step in steps(seen) if step.name == "tagged")


def test_traffic_waits_for_clients_where_nobody_has_asked() -> None:
    quiet = {**ROUTER, "requests": {"control": 0, "candidate": 0}}
    assert waits(replace(ALL_WELL, router=quiet))["traffic"] == "clients"


def test_unscored_interactions_are_not_waited_for() -> None:
    failing = worker(scored=90).model_copy(update={"unscored": {"no reference": 8, "judge away": 2}})
    seen = replace(ALL_WELL, worker=failing)
    assert waits(seen) == {}
    assert "mostly 8: no reference" in next(s.told for s in steps(seen) if s.name == "judged")


def test_a_judge_that_drifted_is_told_and_waits_for_a_person() -> None:
    known = JudgeAnchors(
        judge="grader",
        anchors=90,
        shift=0.12,
        e_value=130.0,
        bar=100.0,
        drifted=True,
        capabilities=("facts",),
    )
    said = worker()
    mine = said.rollouts[0].model_copy(update={"anchors": (known,)})
    seen = replace(ALL_WELL, worker=said.model_copy(update={"rollouts": (mine,)}))
    assert waits(seen)["decision"] == "a person: roll back, and audit again"
    assert "grader scores 90 known answers +12.0 points otherwise than it did" in next(
        step.told for step in steps(seen) if step.name == "decision"
    )


def test_a_stage_waits_for_its_least_interactions_and_then_for_a_person_if_one_promotes() -> None:
    spec = RAMPING.spec
    stages = (spec.stages[0].model_copy(update={"min_units": 250}), *spec.stages[1:])
    state = RAMPING.model_copy(update={"spec": spec.model_copy(update={"stages": stages})})
    assert waits(replace(ALL_WELL, rollout=state))["decision"].startswith("150 more interactions")
    by_hand = state.model_copy(update={"spec": state.spec.model_copy(update={"advance": "manual"})})
    assert waits(replace(ALL_WELL, rollout=by_hand, worker=worker(settled=300)))["decision"] == "a person"


def test_a_paused_rollout_waits_for_a_person() -> None:
    paused = RAMPING.model_copy(update={"status": "paused", "reason": "a look at the answers"})
    assert waits(replace(ALL_WELL, rollout=paused))["decision"].startswith("a person: `belay rollout resume`")
    assert "a look at the answers" in next(
        s.told for s in steps(replace(ALL_WELL, rollout=paused)) if s.name == "rollout"
    )


def _decision(seen: Seen) -> Step:
    (found,) = [step for step in steps(seen) if step.name == "decision"]
    return found


def test_a_watch_that_stopped_waits_for_a_person_and_says_why() -> None:
    one = worker()
    stopped = one.rollouts[0].model_copy(update={"stopped": "belay.scores began anew"})
    found = _decision(replace(ALL_WELL, worker=one.model_copy(update={"rollouts": (stopped,)})))
    assert "began anew" in found.told
    assert "a person" in found.waits_for


@pytest.mark.parametrize(
    ("known", "told"),
    [({"refused": {"r1": "weights add up to 2.7"}}, "weights add up"), ({"stands_by": True}, "stands by")],
)
def test_a_worker_that_does_not_decide_says_why(known: dict[str, Any], told: str) -> None:
    nobody = worker().model_copy(update={"rollouts": (), **known})
    assert told in _decision(replace(ALL_WELL, worker=nobody)).told


def test_dead_letters_are_told() -> None:
    (told,) = [
        s.told
        for s in steps(replace(ALL_WELL, worker=worker().model_copy(update={"dead": 3})))
        if s.name == "judged"
    ]
    assert "3 dead letters" in told


def test_a_promoted_rollout_waits_for_nothing() -> None:
    state = promoted(started(shares=(0.5,)))
    assert waits(replace(ALL_WELL, rollout=state)) == {}


def test_the_engines_are_those_that_the_router_was_told_of(tmp_path: Path) -> None:
    """`belay up --candidate` may have named another one than belay.yaml does."""
    base = StoredModel(
        tmp_path, Manifest(kind="base", name="b", created=datetime.now(UTC), files={}, sha256="b" * 64)
    )
    project = Project(route="shop", base="b", brief=tmp_path / "brief.yaml", home=tmp_path)
    route = Route(project, base, None)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Quiet)  # a 404 is an answer
    there, away = f"http://127.0.0.1:{server.server_port}/v1", f"http://127.0.0.1:{a_free_port()}"
    settings: dict[str, Any] = {"control": {"url": away}, "candidate": {"urls": [there, away]}}
    told = route.folder.settings("router")
    told.parent.mkdir(parents=True)
    told.write_text(yaml.safe_dump(settings))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        assert see(route).engines == {
            "base": False, f"candidate at {there}": True, f"candidate at {away}": False
        }  # fmt: skip
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def on_route(name: str, rollout_id: str) -> Any:
    spec = RAMPING.spec.model_copy(update={"rollout_id": rollout_id, "route": name})
    return RAMPING.model_copy(update={"spec": spec})


TOLD = ROUTER | {"rollout_id": "r2", "rollout": "ramping", "revision": 3, "share": 0.05}
SQL = OtherSeen("acme/sql", {"base": True, "candidate": True}, on_route("acme/sql", "r2"))


def with_sql(other: OtherSeen = SQL, **changes: Any) -> dict[str, Step]:
    router = ROUTER | {"routes": {"default": TOLD, "acme/sql": TOLD, "of the router's settings": TOLD}}
    found = steps(replace(ALL_WELL, router=router, others=(other,), **changes))
    return {step.name: step for step in found}


def test_every_other_route_is_told_with_the_engines_that_are_away() -> None:
    told = with_sql()
    assert told["route acme/sql"].told.startswith("r2 ramping at 5%; base 90")
    assert told["route acme/sql"].waits_for == ""
    assert "route of the router's settings" in told
    away = with_sql(replace(SQL, engines={"base": True, "candidate at http://a:1": False}))
    assert away["route acme/sql"].waits_for == "the engine of candidate at http://a:1"


def test_a_route_of_the_file_that_the_router_does_not_know_waits_for_a_router_that_does() -> None:
    (step,) = [s for s in steps(replace(ALL_WELL, others=(SQL,))) if s.name == "route acme/sql"]
    assert "belay up router" in step.waits_for


def test_the_evidence_of_a_route_is_what_says_the_worker_that_decides_whichever_that_is() -> None:
    (mine,) = worker().rollouts
    both = worker().model_copy(update={"rollouts": (mine, mine.model_copy(update={"rollout_id": "r2"}))})
    nobody = worker().model_copy(update={"rollouts": (), "stands_by": True})
    for first, own in ((both, None), (both, nobody), (nobody, both)):
        other = replace(SQL, has_worker=own is not None, worker=own, worker_age_s=0.5)
        told = with_sql(other, worker=first)
        assert told["decision acme/sql"].told.startswith("100 scores weighed")
        assert told["decision"].told.startswith("100 scores weighed")
        assert ("judged acme/sql" in told) == (own is not None)


def test_a_worker_of_a_routes_own_that_has_not_begun_is_waited_for_by_its_name() -> None:
    told = with_sql(replace(SQL, has_worker=True))
    assert told["judged acme/sql"].waits_for == "`belay up worker.acme%2Fsql`"
