"""`belay topics asyncapi` needs no broker, and no project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from belay.cli import app
from tests.places import ROOT


def printed() -> dict[str, Any]:
    given = CliRunner().invoke(app, ["topics", "asyncapi"])
    assert given.exit_code == 0, given.output
    found: dict[str, Any] = json.loads(given.stdout)
    return found


def test_without_a_project_it_is_the_document_of_the_docs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert printed() == json.loads((ROOT / "docs" / "asyncapi.json").read_text(encoding="utf-8"))


def test_a_projects_namespace_and_retention_are_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "belay.yaml").write_text(
        "{route: r, base: b, brief: b.yaml, broker: 'k:9092', kafka: {namespace: shop, topics: {keep_days: 60}}}"
    )
    scores = printed()["channels"]["belay.scores"]
    assert scores["address"] == "shop.scores"
    assert scores["bindings"]["kafka"]["topicConfiguration"]["retention.ms"] == 60 * 86_400_000
