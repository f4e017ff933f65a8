"""The doctor names everything that is wrong at once, with what to do, and ends with its status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from belay.cli import app
from belay.launcher.doctor import Finding, examine
from serving.models.manifest import EngineOfOthers, write_manifest
from tests.conftest import a_free_port
from tests.places import BRIEF


@pytest.fixture
def file(tmp_path: Path) -> Path:
    base = tmp_path / "home" / "models" / "mine"
    base.mkdir(parents=True)
    (base / "weights").write_text("w")
    write_manifest(base, kind="base", name="mine")
    ports = {name: a_free_port() for name in ("router", "control", "engine", "broker")}
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


def test_the_command_ends_with_the_status_of_what_is_wrong(file: Path) -> None:
    ended = CliRunner().invoke(app, ["doctor", "--file", str(file), "--json"])
    assert ended.exit_code == 2
    assert {one["what"] for one in json.loads(ended.output)["findings"]} >= {"brief", "models", "baseline"}
