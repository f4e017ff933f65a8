"""A prompt that stands twice in a brief is told on standard error by the commands that read it."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from typer.testing import CliRunner

from belay.cli import app
from tests.evaluator.briefs.test_brief import BRIEF, ITEMS, written


@pytest.mark.parametrize("command", [["brief", "check"], ["brief", "show"]])
def test_both_places_are_told_and_the_command_goes_on(tmp_path: Path, command: list[str]) -> None:
    items = copy.deepcopy(ITEMS)
    items["replies"].append({"prompt": "capital of Spain?"})
    items["facts"].append({"prompt": "capital  of France?"})
    found = CliRunner().invoke(app, [*command, str(written(tmp_path, copy.deepcopy(BRIEF), items))])
    assert found.exit_code == 0
    assert (
        f"{tmp_path}/facts.jsonl, line 3 asks what {tmp_path}/facts.jsonl, line 1 asks already"
        in found.stderr
    )
    assert (
        f"{tmp_path}/facts.jsonl, line 2 asks what {tmp_path}/replies.jsonl, line 2 asks already"
        in found.stderr
    )
    assert "warning" not in found.stdout
