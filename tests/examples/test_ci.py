"""The shipped GitHub workflow is valid, calls commands and options that exist, and ends as its header says."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from belay.cli import app
from belay.home import Home
from belay.lazy import real
from tests.places import ROOT

FILE = ROOT / "examples" / "ci" / "github-audit.yml"
WORKFLOW: dict[Any, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
STEPS: list[dict[str, Any]] = WORKFLOW["jobs"]["audit"]["steps"]
BY_NAME = {step["name"]: step for step in STEPS}
STUB = """#!/usr/bin/env bash
echo "$@" > called
while [ $# -gt 0 ]; do
  case "$1" in --markdown) echo "# the table" > "$2" ;; esac
  shift
done
exit "$STUB_STATUS"
"""


def called() -> list[list[str]]:
    """Every call of `belay` in the workflow, as words."""
    texts = [step["run"].replace("\\\n", " ") for step in STEPS if "run" in step]
    lines = [line.strip() for text in texts for line in text.splitlines()]
    return [shlex.split(line.split("||")[0]) for line in lines if line.startswith("belay ")]


def script(name: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a step's script as GitHub does, with a `belay` that ends with STUB_STATUS."""
    stub = folder / "bin" / "belay"
    stub.parent.mkdir(exist_ok=True)
    stub.write_text(STUB)
    stub.chmod(0o755)
    known = {key: str(value) for key, value in WORKFLOW["env"].items()}
    files = {name: str(folder / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_PATH")}
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", BY_NAME[name]["run"]],  # noqa: S607 - any bash
        cwd=folder,
        env={"PATH": f"{stub.parent}:{os.environ['PATH']}", **known, **files, "CANDIDATE": "mine", **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_it_is_one_job_that_may_only_read() -> None:
    # YAML 1.1 reads the key `on` as true; GitHub does not.
    assert set(WORKFLOW) == {"name", True, "permissions", "concurrency", "env", "jobs"}
    assert set(WORKFLOW[True]) == {"pull_request", "workflow_dispatch"}
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert list(WORKFLOW["jobs"]) == ["audit"]
    assert all(("uses" in step) != ("run" in step) for step in STEPS)
    assert len(BY_NAME) == len(STEPS)


def test_every_command_and_option_exists() -> None:
    group = typer.main.get_command(app)
    seen = []
    for words in called():
        command, rest = group, words[1:]
        while hasattr(command, "commands"):
            command, rest = real(command, rest[0]), rest[1:]
        options = {name for parameter in command.params for name in parameter.opts}
        assert {word for word in rest if word.startswith("-")} <= options, words
        seen.append(command.name)
    assert seen == ["check", "baseline", "audit"]


def test_what_is_cached_is_where_belay_keeps_it() -> None:
    home = Home(Path(WORKFLOW["env"]["BELAY_HOME"]))
    cached = BY_NAME["Keep what was asked before"]["with"]["path"].replace(
        "${{ env.BELAY_HOME }}", str(home.root)
    )
    assert [Path(line) for line in cached.split()] == [home.baselines, home.answers]
    kept = BY_NAME["Keep the report"]["with"]["path"].replace("${{ env.BELAY_HOME }}", str(home.root))
    assert home.audit("mine").parent in [Path(line) for line in kept.split()]


def test_no_script_holds_an_expression_that_somebody_else_could_fill() -> None:
    for step in STEPS:
        assert "${{" not in step.get("run", ""), step["name"]


@pytest.mark.parametrize("step", [step for step in STEPS if "run" in step], ids=lambda step: step["name"])
def test_every_script_is_valid_bash(step: dict[str, Any]) -> None:
    checked = subprocess.run(["bash", "-n"], input=step["run"], capture_output=True, text=True, check=False)  # noqa: S607 - any bash
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("status", [0, 1, 2, 3, 4])
def test_the_audits_status_is_kept_and_its_summary_posted(tmp_path: Path, status: int) -> None:
    ended = script("Audit", tmp_path, STUB_STATUS=str(status))
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "GITHUB_OUTPUT").read_text() == f"status={status}\n"
    assert (tmp_path / "called").read_text().startswith("audit mine --home .belay --brief ")
    assert script("Write the summary", tmp_path).returncode == 0
    assert (tmp_path / "GITHUB_STEP_SUMMARY").read_text() == "# the table\n"


def test_without_a_result_the_summary_says_so(tmp_path: Path) -> None:
    assert script("Write the summary", tmp_path).returncode == 0
    assert "no result" in (tmp_path / "GITHUB_STEP_SUMMARY").read_text()


@pytest.mark.parametrize(
    ("status", "inconclusive", "ends"),
    [
        ("0", "fail", 0), ("1", "fail", 1), ("1", "pass", 1), ("2", "pass", 2), ("4", "pass", 4),
        ("3", "fail", 3), ("3", "pass", 0), ("3", "maybe", 2), ("", "pass", 4),
    ],
)  # fmt: skip
def test_the_job_ends_as_the_header_says(tmp_path: Path, status: str, inconclusive: str, ends: int) -> None:
    ended = script("Verdict", tmp_path, STATUS=status, INCONCLUSIVE=inconclusive)
    assert ended.returncode == ends, ended.stdout
    assert ("::error::" in ended.stdout) == (ends != 0)


def test_inconclusive_fails_unless_somebody_chose_otherwise() -> None:
    assert WORKFLOW["env"]["INCONCLUSIVE"] == "fail"
    head = FILE.read_text(encoding="utf-8").split("name:")[0]
    assert [int(n) for n in re.findall(r"^#   (\d)  ", head, re.MULTILINE)] == [0, 1, 2, 3, 4]


def test_a_missing_candidate_is_told(tmp_path: Path) -> None:
    ended = script("Fetch the models", tmp_path)
    assert ended.returncode == 2
    assert ".belay/models/mine" in ended.stdout
