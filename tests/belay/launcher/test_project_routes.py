"""What `belay up` runs for several routes: few engines, each arm where it answers, the workers that they need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from belay.launcher.parts import parts_of, stack_settings
from belay.launcher.processes import processes_of
from belay.launcher.routes import Route
from belay.project import Project
from belay.wiring import WatchSettings
from evaluator.watch.worker.portion import Portion
from router.proxy.settings import Arms, RouterSettings
from serving.models.manifest import EngineOfOthers
from telemetry.errors import AttestationError, SettingsError, UsageError
from tests.belay.launcher.test_parts import model

SQL = {"base": "sql", "candidate": "sql-lora"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Two bases with an adapter and a merged candidate of each."""
    for base in ("base", "sql"):
        stored = model(tmp_path, base, "base")
        model(tmp_path, f"{base}-lora", "adapter", stored)
        model(tmp_path, f"{base}-tuned", "candidate", stored)
    return tmp_path


def route(home: Path, routes: dict[str, Any], **changes: Any) -> Route:
    given = {"route": "shop", "base": "base", "brief": home / "brief.yaml", "home": home, "routes": routes}
    ports = {"engine": 9001, "broker": 9092}
    return Route.of(Project.model_validate(given | {"ports": ports} | changes))


def router_of(found: Route) -> dict[str, Arms]:
    content = next(p.content for p in processes_of(stack_settings(found)) if p.name == "router")
    return RouterSettings.model_validate(content).each_route()


def workers_of(found: Route) -> dict[str, WatchSettings]:
    processes = [p for p in processes_of(stack_settings(found)) if p.command == "watch"]
    return {p.name: WatchSettings.model_validate(p.content) for p in processes}


def serves(found: Route) -> dict[str, tuple[str, ...]]:
    """By part, what each engine serves: its model, its name, its adapters."""
    parts = [part for part in parts_of(found) if part.arguments[0] == "serve"]
    return {
        part.name: (
            part.arguments[1],
            part.arguments[part.arguments.index("--name") + 1],
            *(part.arguments[n + 1] for n, word in enumerate(part.arguments) if word == "--adapter"),
        )
        for part in parts
    }


def test_base_and_candidate_of_a_route_are_two_names_on_one_engine(home: Path) -> None:
    found = route(home, {"acme/sql": SQL})
    assert serves(found) == {"base": ("base", "shop"), "base.acme%2Fsql": ("sql", "acme/sql", "sql-lora")}
    control, candidate, rollout_file, _ = router_of(found)["acme/sql"]
    assert control.url == candidate.url == "http://127.0.0.1:9002"
    assert (control.model, str(candidate.model).partition("@")[0]) == (None, "sql-lora")
    assert rollout_file.name == "rollout.acme%2Fsql.json"


def test_routes_of_one_base_share_its_engine_and_ask_it_by_the_name_that_it_has(home: Path) -> None:
    found = route(home, {"b": {"base": "base", "candidate": "base-tuned"}}, candidate="base-lora")
    assert serves(found) == {"base": ("base", "shop", "base-lora"), "candidate.b": ("base-tuned", "b")}
    arms = router_of(found)
    assert (arms["b"].control.url, arms["b"].control.model) == (arms["default"].control.url, "shop")
    assert arms["default"].control.model is None
    assert (arms["b"].candidate.url, arms["b"].candidate.model) == ("http://127.0.0.1:9002", None)


def test_two_names_on_one_engine_of_others_and_replicas_go_to_the_router_as_they_are(home: Path) -> None:
    there = {"url": "http://gpu:8000", "key_env": "KEY"}
    urls = ["http://a:1", "http://b:1"]
    found = route(
        home,
        {
            "lora": {"base": {**there, "model": "plain"}, "candidate": {**there, "model": "tuned"}},
            "many": {"base": {"urls": urls}},
        },
    )
    assert list(serves(found)) == ["base"]
    arms = router_of(found)
    assert arms["lora"].control.model_dump(exclude_defaults=True) == {
        "arm": "control", "url": "http://gpu:8000", "model": "plain", "key_env": "KEY"
    }  # fmt: skip
    assert arms["lora"].candidate.model == "tuned"
    assert arms["many"].control.replicas == arms["many"].candidate.replicas == tuple(urls)


def test_what_was_adopted_says_the_rest_of_its_replicas(home: Path) -> None:
    engine = EngineOfOthers(url="http://gpu:8000", model="chat-1", key_env="KEY")
    model(home, "chat", "base", engine=engine)
    arm = {"adopted": "chat", "urls": ["http://gpu:8000", "http://gpu2:8000"]}
    control = router_of(route(home, {"chat": {"base": arm}}))["chat"].control
    assert (control.model, control.key_env, control.answers_as) == ("chat-1", "KEY", "*")
    assert len(control.replicas) == 2


def test_routes_with_one_brief_share_the_worker_and_its_table(home: Path) -> None:
    found = route(home, {"acme/sql": SQL})
    (worker,) = workers_of(found).values()
    assert worker.worker.portion == Portion()
    assert router_of(found)["acme/sql"].table_file == worker.worker.table_file


def test_a_route_with_a_brief_of_its_own_has_a_worker_of_its_own(home: Path) -> None:
    other = home / "other.yaml"
    found = route(
        home, {"b": {"base": "base"}, "acme/sql": SQL | {"brief": other}, "c": SQL | {"brief": other}}
    )
    workers = workers_of(found)
    assert list(workers) == ["worker", "worker.acme%2Fsql"]
    first, second = (one.worker for one in workers.values())
    assert (first.brief, second.brief) == (home / "brief.yaml", other)
    for asked, mine in (
        ("shop", first),
        ("b", first),
        ("anything", first),
        ("acme/sql", second),
        ("c", second),
    ):
        assert [one.portion.has(asked) for one in (first, second)] == [mine is first, mine is second]
    assert first.portion.group != second.portion.group
    assert first.status_file != second.status_file
    tables = {name: arms.table_file for name, arms in router_of(found).items()}
    assert tables["acme/sql"] == tables["c"] == second.table_file
    assert tables["b"] == tables["default"] == first.table_file != second.table_file


def test_a_judge_that_an_audit_taught_scores_its_own_candidate_alone(home: Path) -> None:
    taught = home / "audits" / "sql-lora" / "learned.json"
    taught.parent.mkdir(parents=True)
    taught.write_text("{}")
    workers = workers_of(route(home, {"acme/sql": SQL}))
    assert [one.worker.learned for one in workers.values()] == [None, taught]


def kept(home: Path, candidate: str) -> Path:
    file = home / "audits" / candidate / "answers.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("{}")
    return file


def test_a_worker_finds_what_its_audits_kept_though_no_judge_was_taught(home: Path) -> None:
    other = home / "other.yaml"
    mine, theirs = kept(home, "base-lora"), kept(home, "sql-tuned")
    routes = {
        "acme/sql": SQL | {"brief": other},
        "c": {"base": "sql", "candidate": "sql-tuned", "brief": other},
    }
    workers = workers_of(route(home, routes, candidate="base-lora"))
    assert [one.worker.answers for one in workers.values()] == [mine, theirs]


def test_the_first_worker_takes_what_the_audit_of_a_further_route_kept_where_its_own_kept_nothing(
    home: Path,
) -> None:
    assert [one.worker.answers for one in workers_of(route(home, {"acme/sql": SQL})).values()] == [None]
    theirs = kept(home, "sql-lora")
    (worker,) = workers_of(route(home, {"acme/sql": SQL})).values()
    assert worker.worker.answers == theirs


def test_every_part_is_up_by_a_sign_of_its_own(home: Path) -> None:
    found = route(home, {"acme/sql": SQL | {"brief": home / "other.yaml"}})
    parts = parts_of(found)
    files = [part.file for part in parts if part.file]
    assert len(files) == len(set(files)) == 2
    assert [part.name for part in parts] == [
        "broker", "base", "base.acme%2Fsql", "control", "router", "forwarder", "worker", "worker.acme%2Fsql"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("routes", "told"),
    [
        ({"q": {"base": "sqll"}}, r"routes\.q\.base: no model 'sqll'.*did you mean 'sql'"),
        ({"q": {"base": "sql-lora"}}, r"routes\.q\.base: 'sql-lora' is a adapter, expected a base"),
        ({"q": {"base": "sql", "candidate": "nobody"}}, r"routes\.q\.candidate: no model 'nobody'"),
        (
            {"q": {"base": "sql", "candidate": "base-lora"}},
            r"candidate 'base-lora' was made from base 'base', that of routes\.q is 'sql'",
        ),
        (
            {"q": {"base": "sql", "candidate": {"adopted": "base-tuned", "url": "http://a:1"}}},
            r"made from base 'base', that of routes\.q is 'sql'",
        ),
    ],
)
def test_models_that_are_not_there_or_no_pair_are_told_with_their_place(
    home: Path, routes: dict[str, Any], told: str
) -> None:
    with pytest.raises((AttestationError, UsageError), match=told):
        route(home, routes)


@pytest.mark.parametrize(
    ("ports", "told"),
    [
        ({"engine": 9001, "control": 9002}, "the engine base.q would be at 9002, and so would control"),
        ({"engine": 9001, "broker": 9002}, "the broker would be at 9002, and so would the engine base.q"),
        (
            {"engine": 9001, "metrics": 8998},
            r"worker.q's metrics would be at 9001, and so would the engine base",
        ),
    ],
)
def test_engines_and_workers_that_would_share_a_port_with_another_part_are_refused(
    home: Path, ports: dict[str, int], told: str
) -> None:
    found = route(home, {"q": SQL | {"brief": home / "other.yaml"}}, ports=ports)
    with pytest.raises(SettingsError, match=told):
        parts_of(found)
