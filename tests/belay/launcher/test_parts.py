"""What `belay up` runs for each kind of arm: a folder, an adapter beside base, a URL of others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from belay.launcher import parts
from belay.launcher.parts import parts_of, stack_settings
from belay.launcher.processes import processes_of
from belay.launcher.routes import Route
from belay.project import Project
from evaluator.briefs.judges import JudgeAddress
from evaluator.watch.worker.worker import WorkerSettings
from router.control.settings import ControlSettings
from serving.engines.arms import Endpoint
from serving.engines.placement import Card
from serving.models.manifest import EngineOfOthers, Kind, write_manifest
from serving.models.store import ModelStore, StoredModel
from telemetry.errors import UsageError
from telemetry.events import DEFAULT_ROUTE


def model(
    home: Path, name: str, kind: Kind, base: StoredModel | None = None, engine: EngineOfOthers | None = None
) -> StoredModel:
    folder = home / "models" / name
    folder.mkdir(parents=True)
    (folder / "weights").write_text(name)
    base_sha256 = base.manifest.sha256 if base else None
    write_manifest(folder, kind=kind, name=name, base_sha256=base_sha256, engine=engine)
    return ModelStore(home / "models").get(name)


def route(home: Path, candidate: str | None = None, base: str = "base", broker: str = "embedded") -> Route:
    project = Project.model_validate(
        {
            "route": "shop",
            "base": base,
            "candidate": candidate,
            "brief": home / "brief.yaml",
            "home": home,
            "broker": broker,
            "ports": {"engine": 9001},
        }
    )
    return Route.of(project)


def names(found: Route) -> list[str]:
    return [part.name for part in parts_of(found)]


FOUR = ["control", "router", "forwarder", "worker"]


def test_the_worker_is_told_where_the_judges_answer(tmp_path: Path) -> None:
    model(tmp_path, "base", "base")
    found = route(tmp_path)
    grader = JudgeAddress(url="http://judge:8000", model="judge", api_key_env="KEY")
    told = replace(found, project=found.project.model_copy(update={"judges": {"grader": grader}}))
    worker = next(p for p in processes_of(stack_settings(told)) if p.name == "worker")
    assert WorkerSettings.model_validate(worker.content["worker"]).judges == {"grader": grader}


def test_forwarder_worker_and_control_are_scraped_at_ports_in_a_row_where_the_project_names_the_first(
    tmp_path: Path,
) -> None:
    model(tmp_path, "base", "base")
    found = route(tmp_path)
    assert not any("metrics_port" in str(p.content) for p in processes_of(stack_settings(found)))
    ports = found.project.ports.model_copy(update={"metrics": 8102})
    told = replace(found, project=found.project.model_copy(update={"ports": ports}))
    by_name = {p.name: p.content for p in processes_of(stack_settings(told))}
    at = [by_name[name].get("worker", by_name[name]) for name in ("forwarder", "worker", "control")]
    assert [one["metrics_port"] for one in at] == [8102, 8103, 8104]


def test_without_a_candidate_both_arms_are_base(tmp_path: Path) -> None:
    model(tmp_path, "base", "base")
    found = route(tmp_path)
    assert names(found) == ["broker", "base", *FOUR]
    assert found.endpoint("candidate").url == found.endpoint("control").url == "http://127.0.0.1:9001"


def test_an_adapter_is_base_s_engine_under_a_name_of_its_own(tmp_path: Path) -> None:
    adapter = model(tmp_path, "lora", "adapter", model(tmp_path, "base", "base"))
    found = route(tmp_path, "lora")
    assert names(found) == ["broker", "base", *FOUR]
    engine = next(part for part in parts_of(found) if part.name == "base")
    assert engine.arguments[-2:] == ("--adapter", "lora")
    control, candidate = found.endpoint("control"), found.endpoint("candidate")
    assert control.url == candidate.url
    assert (control.model, candidate.model) == (None, f"lora@{adapter.manifest.sha256[:12]}")


def test_a_merged_candidate_is_a_second_engine_on_the_other_cores(tmp_path: Path) -> None:
    model(tmp_path, "tuned", "candidate", model(tmp_path, "base", "base"))
    found = route(tmp_path, "tuned")
    assert names(found) == ["broker", "base", "candidate", *FOUR]
    cores = [part.arguments[part.arguments.index("--cores") + 1] for part in parts_of(found)[1:3]]
    assert cores[0] != cores[1] or cores == ["auto", "auto"]
    assert found.endpoint("candidate").url == "http://127.0.0.1:9002"


def options(found: Route, name: str) -> dict[str, str]:
    """The options of one engine, by name."""
    arguments = next(part.arguments for part in parts_of(found) if part.name == name)[2:]
    return dict(zip(arguments[::2], arguments[1::2], strict=True))


def gpus(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    found = tuple(Card(str(number), f"GPU-{number}", "H200", (9, 0)) for number in range(count))
    monkeypatch.setattr(parts, "engine_cards", lambda: found)


def test_two_engines_on_one_gpu_divide_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model(tmp_path, "tuned", "candidate", model(tmp_path, "base", "base"))
    gpus(monkeypatch, 1)
    both = [options(route(tmp_path, "tuned"), name) for name in ("base", "candidate")]
    assert [(one["--gpu"], one["--memory"]) for one in both] == [("0", "0.45"), ("0", "0.45")]
    assert not any("--cores" in one for one in both)


def test_of_two_gpus_each_engine_has_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model(tmp_path, "tuned", "candidate", model(tmp_path, "base", "base"))
    gpus(monkeypatch, 2)
    both = [options(route(tmp_path, "tuned"), name) for name in ("base", "candidate")]
    assert [one["--gpu"] for one in both] == ["0", "1"]
    assert not any("--memory" in one for one in both)


def test_a_share_in_the_file_is_every_engine_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model(tmp_path, "base", "base")
    found = route(tmp_path)
    said = replace(found, project=found.project.model_copy(update={"gpu_memory": 0.3}))
    assert options(said, "base")["--memory"] == "0.3"
    gpus(monkeypatch, 1)
    assert options(said, "base")["--memory"] == "0.3"


def test_what_others_run_is_not_started_and_keeps_its_key(tmp_path: Path) -> None:
    engine = EngineOfOthers(url="http://gpu:8000", model="support-v2", key_env="GPU_KEY")
    base = model(tmp_path, "far-base", "base", engine=engine.model_copy(update={"model": "plain"}))
    model(tmp_path, "far", "candidate", base, engine)
    found = route(tmp_path, "far", "far-base", broker="k:9092")
    assert names(found) == FOUR
    assert found.endpoint("control").model == "plain"
    assert found.endpoint("candidate").model_dump(exclude_defaults=True) == {
        "arm": "candidate", "url": "http://gpu:8000", "model": "support-v2", "answers_as": "*", "key_env": "GPU_KEY",
    }  # fmt: skip


def test_control_asks_who_answers_as_often_as_the_project_says(tmp_path: Path) -> None:
    model(tmp_path, "base", "base")
    found = route(tmp_path)
    often = Route(found.project.model_copy(update={"attest_every_s": 12.0}), found.base, found.candidate)
    for asked, expected in ((found, 300.0), (often, 12.0)):
        control = next(p for p in processes_of(stack_settings(asked)) if p.name == "control")
        assert ControlSettings.model_validate(control.content).attest_every_s == expected


def test_control_knows_people_as_the_project_says(tmp_path: Path) -> None:
    model(tmp_path, "base", "base")
    access = {"tokens": "t.yaml", "trusted_proxy": {"from": ["10.0.0.0/8"], "role": "operator"}}
    plain = route(tmp_path)
    project = Project.model_validate(plain.project.model_dump() | {"access": access})
    found = Route(project, plain.base, plain.candidate)
    control = next(p for p in processes_of(stack_settings(found)) if p.name == "control")
    known = ControlSettings.model_validate(yaml.safe_load(yaml.safe_dump(control.content))).access
    assert known is not None
    assert known.trusted_proxy is not None
    assert (known.tokens, known.trusted_proxy.role) == (Path("t.yaml"), "operator")


def test_a_candidate_of_ours_beside_a_base_of_others_has_the_first_port(tmp_path: Path) -> None:
    base = model(tmp_path, "far", "base", engine=EngineOfOthers(url="http://gpu:8000", model="m"))
    model(tmp_path, "tuned", "candidate", base)
    found = route(tmp_path, "tuned", "far")
    assert names(found) == ["broker", "candidate", *FOUR]
    assert found.endpoint("candidate").url == "http://127.0.0.1:9001"


def test_a_candidate_of_another_base_is_refused(tmp_path: Path) -> None:
    model(tmp_path, "base", "base")
    model(tmp_path, "tuned", "candidate", model(tmp_path, "other", "base"))
    with pytest.raises(UsageError, match="made from base 'other', the route's is 'base'"):
        route(tmp_path, "tuned")


def test_control_is_told_where_the_arms_of_every_route_answer(tmp_path: Path) -> None:
    base = model(tmp_path, "base", "base")
    lora = model(tmp_path, "lora", "adapter", base)
    found = route(tmp_path, "lora")
    sql = {arm: {"arm": arm, "url": f"http://{arm}:1"} for arm in ("control", "candidate")}
    further = {"routes": {"sql": sql, "broken": {"control": 1}}}
    told = replace(
        found, project=found.project.model_copy(update={"router": further, "attestation": "require"})
    )
    both = Endpoint(arm="control", url="http://b:1"), Endpoint(arm="candidate", url="http://c:1")
    stack = replace(stack_settings(told), routes={"own": both})
    content = next(p.content for p in processes_of(stack) if p.name == "control")
    settings = ControlSettings.model_validate(content)
    assert settings.attestation == "require"
    assert {
        name: (arms.control.url, arms.candidate.url, arms.candidate.model)
        for name, arms in settings.arms.items()
    } == {
        DEFAULT_ROUTE: ("http://127.0.0.1:9001", "http://127.0.0.1:9001", lora.served_name),
        "sql": ("http://control:1", "http://candidate:1", None),
        "own": ("http://b:1", "http://c:1", None),
    }
