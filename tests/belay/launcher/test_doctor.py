"""The doctor names everything that is wrong at once, with what to do, and ends with its status."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from belay.cli import app
from belay.launcher import doctor
from belay.launcher.doctor import examine
from belay.launcher.finding import Finding
from serving.models.manifest import EngineOfOthers, write_manifest
from serving.models.store import ModelStore
from tests.conftest import a_free_port
from tests.places import BRIEF


@pytest.fixture
def file(tmp_path: Path) -> Path:
    base = tmp_path / "home" / "models" / "mine"
    base.mkdir(parents=True)
    (base / "weights").write_text("w")
    write_manifest(base, kind="base", name="mine")
    ports = {name: a_free_port() for name in ("router", "status", "control", "engine", "broker")}
    path = tmp_path / "belay.yaml"
    project = {"route": "shop", "base": "mine", "brief": str(BRIEF), "home": "home", "ports": ports}
    path.write_text(yaml.safe_dump(project))
    return path


def change(file: Path, **changes: object) -> None:
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | changes))


def found(file: Path) -> dict[str, Finding]:
    return {one.what: one for one in examine(file)}


def test_of_a_route_that_only_has_to_be_started_the_baseline_alone_is_missing(file: Path) -> None:
    wrong = {what for what, one in found(file).items() if one.state == "wrong"}
    assert wrong == {"baseline"}
    assert "belay baseline" in found(file)["baseline"].do


def test_a_file_that_is_not_there_leads_to_init(tmp_path: Path) -> None:
    (only,) = examine(tmp_path / "belay.yaml")
    assert (only.state, only.exit_code) == ("wrong", 2)
    assert "belay init" in only.do


def test_everything_wrong_is_told_at_once(file: Path) -> None:
    change(file, base="nobody", brief="nowhere.yaml", broker=f"127.0.0.1:{a_free_port()}")
    wrong = {what: one for what, one in found(file).items() if one.state == "wrong"}
    assert wrong.keys() == {"brief", "broker", "models"}
    assert wrong["broker"].exit_code == 4


def test_settings_that_a_process_would_refuse_are_told_as_that_process_tells_them(file: Path) -> None:
    change(file, router={"spool_quota": 1})
    assert "spool_quota: unknown key; did you mean 'spool_quota_bytes'?" in found(file)["settings"].told
    assert found(file)["settings"].exit_code == 2


def test_changed_weights_are_found(file: Path) -> None:
    (file.parent / "home" / "models" / "mine" / "weights").write_text("other")
    assert "differs from the manifest" in found(file)["base"].told


def test_an_engine_of_others_that_is_away_or_lacks_its_key_is_told(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = file.parent / "home" / "models" / "far"
    folder.mkdir()
    (folder / "identity.json").write_text("{}")
    url = f"http://127.0.0.1:{a_free_port()}"
    write_manifest(
        folder, kind="base", name="far", engine=EngineOfOthers(url=url, model="m", key_env="FAR_KEY")
    )
    change(file, base="far")
    monkeypatch.delenv("FAR_KEY", raising=False)
    assert "FAR_KEY" in found(file)["base"].told
    monkeypatch.setenv("FAR_KEY", "k")
    assert url in found(file)["base"].told
    assert found(file)["base"].exit_code == 4


def driver(folder: Path, monkeypatch: pytest.MonkeyPatch, says: str) -> None:
    tool = folder / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\necho '{says}'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.mark.parametrize(
    ("torch", "state", "told"),
    [
        (["2.13.0+cu130", "13.0", 1], "ok", "sees 1"),
        (["2.13.0+cpu", None, 0], "note", "built for the CPU"),
        (["2.13.0+cu130", "13.0", 0], "wrong", r"lists 1, PyTorch 2\.13\.0\+cu130 \(CUDA 13\.0\) sees 0"),
    ],
)
def test_whether_torch_sees_the_gpu_that_the_driver_lists_is_told(
    torch: list[object], state: str, told: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver(file.parent, monkeypatch, "0, GPU-1, NVIDIA H200, 9.0")
    monkeypatch.setattr(doctor, "_ASK_TORCH", f"print({json.dumps(torch)!r})")
    seen = found(file)
    assert seen["GPU"].told == "0 NVIDIA H200"
    assert seen["PyTorch's GPU"].state == state
    assert re.search(told, seen["PyTorch's GPU"].told)


def test_torch_itself_is_asked_and_one_that_fails_is_told(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver(file.parent, monkeypatch, "0, GPU-1, NVIDIA H200, 9.0")
    assert "PyTorch 2." in found(file)["PyTorch's GPU"].told
    monkeypatch.setattr(doctor, "_ASK_TORCH", "raise SystemExit(1)")
    assert found(file)["PyTorch's GPU"].state == "wrong"


def test_engines_for_a_gpu_that_is_not_there_are_wrong(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "cards", tuple)
    assert found(file)["GPU"].state == "note"
    monkeypatch.setattr(doctor, "engine_package", lambda: "vllm 0.32.0")
    assert (found(file)["GPU"].state, found(file)["GPU"].exit_code) == ("wrong", 4)


def test_the_command_ends_with_the_status_of_what_is_wrong(file: Path) -> None:
    ended = CliRunner().invoke(app, ["doctor", "--file", str(file), "--json"])
    assert ended.exit_code == 2
    assert {one["what"] for one in json.loads(ended.output)["findings"]} >= {"brief", "models", "baseline"}


def test_the_models_of_every_route_are_looked_at_and_the_engines_of_others_are_asked(file: Path) -> None:
    away = f"http://127.0.0.1:{a_free_port()}"
    tuned = file.parent / "home" / "models" / "tuned"
    tuned.mkdir()
    (tuned / "weights").write_text("t")
    base = ModelStore(tuned.parent).get("mine")
    write_manifest(tuned, kind="candidate", name="tuned", base_sha256=base.manifest.sha256)
    routes = {"sql": {"base": "mine", "candidate": "tuned"}, "far": {"base": {"url": away}}}
    change(file, routes=routes)
    told = found(file)
    assert told["sql: base"].state == told["sql: candidate"].state == "ok"
    assert "belay audit tuned" in told["sql: audit"].do
    assert "belay baseline" in told["sql: baseline"].do
    assert (told["far: control"].state, away in told["far: control"].told) == ("wrong", True)
    assert told["candidate.sql engine"].state == "note"
