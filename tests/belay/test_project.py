"""belay.yaml: one file from which defaults come, whose mistakes are told, and which no command needs."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from belay.cli import app
from belay.home import RunFolder
from belay.launcher.processes import StackSettings, WorkerOf, processes_of
from belay.project import defaults_of, load_project
from belay.steps.init import Found, asked, project_text, proposals, write_project
from belay.steps.train import project_run
from belay.wiring import bus_at, bus_of
from serving.engines.arms import Endpoint
from telemetry.bus.kafka_bus import KafkaBus
from telemetry.errors import SettingsError, UsageError
from tests.places import BRIEF
from trainer.data.reading import named_by_content

NOTHING = Found(bases=(), candidates=(), briefs=(), broker="embedded", gpus=())
PORTS = {"router": 1, "status": 5, "control": 2, "engine": 3, "broker": 4}


def write(folder: Path, **changes: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "belay.yaml"
    path.write_text(yaml.safe_dump({"route": "shop", "base": "b", "brief": "x/brief.yaml", **changes}))
    return path


def test_paths_start_from_the_files_folder(tmp_path: Path) -> None:
    project = load_project(write(tmp_path / "here", home="../store"))
    assert project.brief == tmp_path / "here" / "x" / "brief.yaml"
    assert project.home.resolve() == tmp_path / "store"


def test_paths_of_its_training_start_there_too(tmp_path: Path) -> None:
    training = {
        "mix": [{"path": "general.jsonl", "share": 0.2}],
        "rehearsal": {"prompts": "asked.jsonl"},
        "ewc": {"sidecar": "/far/fisher.safetensors"},
    }
    path = write(tmp_path / "here", brief=str(BRIEF), training=training)
    run = project_run(load_project(path), "new", path.parent)
    assert run.mix[0].path == path.parent / "general.jsonl"
    assert run.rehearsal is not None
    assert run.rehearsal.prompts == path.parent / "asked.jsonl"
    assert run.ewc is not None
    assert run.ewc.sidecar == Path("/far/fisher.safetensors")
    assert (run.brief, run.output) == (BRIEF, path.parent / ".belay" / "models" / "new")


def test_a_brief_that_names_a_judge_finds_it_in_the_file_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    brief = yaml.safe_load(BRIEF.read_text(encoding="utf-8"))
    brief["capabilities"][0]["judge"] = {"endpoint": {"name": "grader", "rubric": "Is it kind?"}}
    for name in ("items", "exemplars", "train.jsonl", "judge_suite.jsonl"):
        (tmp_path / name).symlink_to(BRIEF.parent / name)
    path = tmp_path / "brief.yaml"
    path.write_text(yaml.safe_dump(brief), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert "no judge 'grader' is known here" in str(
        CliRunner().invoke(app, ["brief", "check", str(path)]).exception
    )
    grader = {"url": "http://judge.example", "model": "judge-2026-01"}
    project = load_project(write(tmp_path, brief=str(path), judges={"grader": grader}))
    checked = CliRunner().invoke(app, ["brief", "check"])
    assert checked.exception is None or isinstance(checked.exception, SystemExit), checked.exception
    run = project_run(project, "new", tmp_path)
    assert run.judges["grader"].model == "judge-2026-01"
    assert "judges" not in named_by_content(run, None)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"attest_every_s": 0}, "attest_every_s"),
        ({"bse": "x"}, "bse.*did you mean 'base'"),
        ({"broker": "kafka"}, "broker"),
        ({"privacy": "none"}, "privacy"),
        ({"ports": {"router": 70000}}, r"ports\.router"),
        ({"shadow": 2}, "shadow"),
        ({"route": ""}, "route"),
        ({"advance": "never"}, "advance"),
    ],
)
def test_a_mistake_is_told_with_its_place(changes: dict[str, object], told: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=told):
        load_project(write(tmp_path, **changes))


def test_a_setting_of_kafka_that_there_is_not_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="sasl"):
        load_project(write(tmp_path, broker="k:9092", kafka={"sasl_name": "me"})).bus()


def test_the_embedded_broker_is_where_its_port_says(tmp_path: Path) -> None:
    assert load_project(write(tmp_path, ports={"broker": 1234})).bootstrap_servers == "127.0.0.1:1234"
    assert load_project(write(tmp_path, broker="a:1,b:2")).bootstrap_servers == "a:1,b:2"


def test_commands_take_from_the_file_what_nobody_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, home="elsewhere")
    monkeypatch.chdir(tmp_path)
    told = CliRunner().invoke(app, ["rollout", "pins"]).output
    assert f"{tmp_path}/elsewhere/models" in told.replace("\n", "")
    said = CliRunner().invoke(app, ["rollout", "pins", "--home", "mine"]).output
    assert f"{tmp_path}/mine/models" in said.replace("\n", "")


def test_a_broken_file_stops_a_command_and_not_its_help(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, bse="x")
    monkeypatch.chdir(tmp_path)
    assert isinstance(CliRunner().invoke(app, ["rollout", "pins"]).exception, SettingsError)
    assert CliRunner().invoke(app, ["--help"]).exit_code == 0
    assert CliRunner().invoke(app, ["doctor"]).exit_code == 2


def test_every_default_is_the_files(tmp_path: Path) -> None:
    project = load_project(write(tmp_path, stages="1%:5,2%", shadow=0.3, advance="manual"))
    known = defaults_of(project)
    assert (known["stages"], known["shadow"], known["advance"]) == ("1%:5,2%", 0.3, "manual")
    assert known["control"] == project.control_url


@pytest.mark.parametrize("odd", ["a: b", "yes", "12", "über shop", 'say "hi"', "#1"])
def test_whatever_a_person_answers_stays_what_it_is(odd: str, tmp_path: Path) -> None:
    answers = proposals(NOTHING, ".belay") | {"route": odd, "candidate": odd}
    path = tmp_path / "belay.yaml"
    write_project(path, project_text(answers, NOTHING, PORTS))
    project = load_project(path)
    assert (project.route, project.candidate) == (odd, odd)
    assert project.ports.model_dump(exclude_none=True) == PORTS


def test_what_is_found_is_proposed_and_can_be_answered_otherwise() -> None:
    found = Found(("mine",), ("tuned",), ("a/brief.yaml",), "127.0.0.1:9092", ("H200",))
    known = proposals(found, ".belay")
    assert (known["base"], known["candidate"], known["brief"]) == ("mine", "tuned", "a/brief.yaml")
    assert known["broker"] == "127.0.0.1:9092"
    heard: list[str] = []

    def ask(question: str, proposal: str) -> str:
        heard.append(question)
        return "other" if question.startswith("The base") else proposal

    assert asked(found, ".belay", ask)["base"] == "other"
    assert len(heard) == 5
    assert "gpu_memory: 0.45" in project_text(known, found, PORTS)
    assert "gpu_memory" not in project_text(known, NOTHING, PORTS)


def test_of_several_candidates_none_is_guessed() -> None:
    found = Found(("mine",), ("a", "b"), (), "embedded", ())
    text = project_text(proposals(found, ".belay"), found, PORTS)
    assert yaml.safe_load(text).get("candidate") is None


def test_an_answer_that_cannot_be_used_writes_nothing() -> None:
    with pytest.raises(SettingsError, match="broker"):
        project_text(proposals(NOTHING, ".belay") | {"broker": "somewhere"}, NOTHING, PORTS)


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    path = write(tmp_path)
    before = path.read_text()
    with pytest.raises(UsageError, match="there already"):
        write_project(path, "route: x\n")
    assert path.read_text() == before


def test_the_namespace_of_the_file_is_that_of_every_process_and_of_commands_that_name_its_broker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kafka = {"namespace": "shop", "topics": {"interactions_days": 3}}
    project = load_project(write(tmp_path, broker="kafka:9092", kafka=kafka))
    endpoint = Endpoint(arm="control", url="http://127.0.0.1:1")
    stack = StackSettings(
        brief=project.brief,
        control=endpoint,
        candidate=endpoint,
        bootstrap=project.bootstrap_servers,
        folder=RunFolder(tmp_path),
        kafka=project.kafka,
    )
    told = [p.content.get("kafka") or p.content.get("bus") for p in processes_of(stack) if p.name != "router"]
    assert [bus["namespace"] for bus in told if bus] == ["shop"] * 3
    for bus in (bus_at("kafka:9092"), bus_of(project)):
        assert isinstance(bus, KafkaBus)
        assert (bus.settings.namespace, bus.settings.topics.interactions_days) == ("shop", 3.0)
    for bus in (bus_at("other:9092"), bus_at("kafka:9092", None)):
        assert isinstance(bus, KafkaBus)
        assert bus.settings.namespace == "belay"


def test_a_worker_is_told_where_the_base_of_its_routes_answers_and_by_which_name(tmp_path: Path) -> None:
    def at(port: int, **more: str) -> Endpoint:
        return Endpoint.model_validate({"arm": "control", "url": f"http://127.0.0.1:{port}", **more})

    def told(control: Endpoint, alias: str, routes: dict[str, Endpoint], *workers: str) -> list[object]:
        stack = StackSettings(
            brief=tmp_path,
            control=control,
            candidate=control,
            bootstrap="kafka:9092",
            folder=RunFolder(tmp_path),
            alias=alias,
            routes={name: (one, one) for name, one in routes.items()},
            workers=tuple(WorkerOf(name, (name,), tmp_path) for name in workers),
        )
        found = [p.content["worker"]["base"] for p in processes_of(stack) if p.name.startswith("worker")]
        return [base and (base["url"][-1], base["model"], base["api_key_env"]) for base in found]

    assert told(at(1), "support", {}) == [("1", "support", None)]
    assert told(at(1, model="base-1", key_env="KEY"), "support", {}) == [("1", "base-1", "KEY")]
    assert told(at(1), "", {}) == [None]
    assert told(at(1), "a", {"b": at(2)}) == [None], "two bases, and one worker for both"
    assert told(at(1), "a", {"b": at(2)}, "b") == [("1", "a", None), ("2", "b", None)]
    assert told(at(1, model="m"), "a", {"b": at(1, model="m")}) == [("1", "m", None)]


@pytest.mark.parametrize("namespace", ["", "a b", "-a", "ü", "x" * 201])
def test_a_namespace_that_kafka_would_not_take_is_refused(tmp_path: Path, namespace: str) -> None:
    with pytest.raises(SettingsError, match="namespace"):
        load_project(write(tmp_path, kafka={"namespace": namespace})).bus()


def test_the_password_of_the_broker_comes_from_the_environment_for_commands_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kafka = {"security_protocol": "SASL_SSL", "sasl_mechanism": "PLAIN", "sasl_username": "me"}
    project = load_project(write(tmp_path, broker="kafka:9092", kafka=kafka))
    with pytest.raises(SettingsError, match="sasl_password"):
        project.bus()
    monkeypatch.setenv("BELAY_BUS__SASL_PASSWORD", "wonder")
    password = project.bus().sasl_password
    assert password is not None
    assert password.get_secret_value() == "wonder"


def test_files_that_the_router_is_to_read_start_from_the_projects_folder(tmp_path: Path) -> None:
    file = tmp_path / "belay.yaml"
    file.write_text(
        "route: shop\nbase: b\nbrief: brief.yaml\nrouter: {keys_file: keys.yaml, retry_after_s: 3}\n",
        encoding="utf-8",
    )
    project = load_project(file)
    assert project.router == {"keys_file": str(tmp_path / "keys.yaml"), "retry_after_s": 3}
    assert defaults_of(project)["keys"] == project.router["keys_file"]
