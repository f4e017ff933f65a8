"""`belay config show`: what each process of a route would run with, and status 2 where it would not run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from belay.cli import app
from serving.models.manifest import write_manifest
from telemetry.errors import SettingsError, UsageError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    base = tmp_path / "home" / "models" / "mine"
    base.mkdir(parents=True)
    (base / "weights").write_text("w")
    write_manifest(base, kind="base", name="mine")
    path = tmp_path / "belay.yaml"
    kafka = {"security_protocol": "SASL_SSL", "sasl_mechanism": "PLAIN", "sasl_username": "me"}
    project = {
        "route": "shop",
        "base": "mine",
        "brief": "brief.yaml",
        "home": "home",
        "ports": {"router": 9100},
        "kafka": {**kafka, "sasl_password": "hunter2"},
    }
    path.write_text(yaml.safe_dump(project))
    return path


def test_all_four_are_shown_with_what_belay_yaml_and_the_environment_say(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BELAY_BUS__NAMESPACE", "other")
    ended = CliRunner().invoke(app, ["config", "show", "--file", str(file), "--json"])
    assert ended.exit_code == 0
    found = {
        (process, one["key"]): (one["value"], one["source"])
        for process, told in json.loads(ended.stdout).items()
        for one in told
    }
    assert found["router", "port"] == (9100, "file")
    assert found["router", "status_port"] == (8101, "default")
    assert found["forwarder", "bus.namespace"] == found["worker", "bus.namespace"] == ("other", "environment")
    assert (
        found["worker", "bus.sasl_password"]
        == found["control", "kafka.sasl_password"]
        == ("(hidden)", "file")
    )
    assert "hunter2" not in ended.output


def test_one_is_shown_as_a_table_without_its_secrets(file: Path) -> None:
    ended = CliRunner().invoke(app, ["config", "show", "forwarder", "--file", str(file)])
    assert (ended.exit_code, "text_policy" in ended.stdout, "hunter2" in ended.output) == (0, True, False)


def test_a_file_that_the_process_would_refuse_is_refused(tmp_path: Path) -> None:
    settings = tmp_path / "worker.yaml"
    settings.write_text("bus: {}\nworker: {brief: b, status_file: s, poll: 1}\n")
    ended = CliRunner().invoke(app, ["config", "show", "worker", "--settings", str(settings)])
    assert isinstance(ended.exception, SettingsError)
    assert ended.exception.exit_code == 2
    assert "worker.poll: unknown key; did you mean 'poll_s'?" in str(ended.exception)


def test_a_settings_file_without_a_word_whose_it_is_is_refused(tmp_path: Path) -> None:
    ended = CliRunner().invoke(app, ["config", "show", "--settings", str(tmp_path / "x.yaml")])
    assert isinstance(ended.exception, UsageError)
