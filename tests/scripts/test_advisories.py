"""Vulnerabilities that are known of the lock: told where advisories can be had, and said to be skipped where not."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.places import ROOT

SCRIPT = ROOT / "scripts" / "advisories.py"
VERSION = re.findall(r"^Jinja2==(\S+)", (ROOT / "requirements" / "lock.txt").read_text(), re.MULTILINE)[0]


def audit(path: str = "/nowhere", **environment: str) -> subprocess.CompletedProcess[str]:
    """How it ends, with nothing but these in its environment."""
    command = [sys.executable, str(SCRIPT)]
    return subprocess.run(
        command, env={"PATH": path} | environment, capture_output=True, text=True, check=False, timeout=60
    )


def record(folder: Path, **affected: Any) -> Path:
    """A copy of advisories with one in it, about Jinja2."""
    (folder / "osv").mkdir(exist_ok=True)
    said = {"id": "PYSEC-1", "affected": [{"package": {"ecosystem": "PyPI", "name": "jinja2"}, **affected}]}
    (folder / "osv" / "PYSEC-1.json").write_text(json.dumps(said))
    return folder


def ranged(*events: dict[str, str]) -> list[dict[str, Any]]:
    return [{"type": "ECOSYSTEM", "events": list(events)}]


def test_without_pip_audit_and_without_a_copy_one_line_says_so_and_nothing_fails() -> None:
    ended = audit()
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == (
        "advisories: skipped: no pip-audit on the path, and BELAY_ADVISORIES names no copy of advisories\n"
    )


@pytest.mark.parametrize(
    "affected",
    [
        {"versions": [VERSION]},
        {"ranges": ranged({"introduced": "0"}, {"fixed": "999"})},
        {"ranges": ranged({"introduced": "0"}, {"last_affected": VERSION})},
        {"ranges": ranged({"introduced": "0"}, {"fixed": "1"}, {"introduced": "2"})},
    ],
)
def test_a_version_of_the_lock_that_an_advisory_names_is_told_and_ends_with_1(
    affected: dict[str, Any], tmp_path: Path
) -> None:
    ended = audit(BELAY_ADVISORIES=str(record(tmp_path, **affected)))
    assert ended.returncode == 1
    assert f"inja2 {VERSION}: PYSEC-1\n" in ended.stdout


@pytest.mark.parametrize(
    "affected",
    [
        {"versions": ["0.1"]},
        {"ranges": ranged({"introduced": "0"}, {"fixed": VERSION})},
        {"ranges": ranged({"introduced": "999"})},
        {"ranges": [{"type": "GIT", "events": [{"introduced": "0"}]}]},
        {"package": {"ecosystem": "npm", "name": "jinja2"}, "versions": [VERSION]},
    ],
)
def test_an_advisory_about_another_version_or_another_package_is_none(
    affected: dict[str, Any], tmp_path: Path
) -> None:
    ended = audit(BELAY_ADVISORIES=str(record(tmp_path, **affected)))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "advisories: 0 in " in ended.stdout


def test_a_copy_that_is_none_is_a_mistake_and_no_clean_result(tmp_path: Path) -> None:
    empty = audit(BELAY_ADVISORIES=str(tmp_path))
    assert (empty.returncode, empty.stdout) == (2, "")
    assert "holds no JSON file; expected OSV records" in empty.stderr
    (tmp_path / "broken.json").write_text("[]")
    broken = audit(BELAY_ADVISORIES=str(tmp_path))
    assert broken.returncode == 2
    assert "broken.json is no OSV record" in broken.stderr


@pytest.mark.parametrize(
    ("says", "status", "told"),
    [
        (None, 0, "skipped: pip-audit reached no advisories"),
        ([{"name": "a", "skip_reason": "not found"}], 0, "skipped: pip-audit reached no advisories"),
        ([{"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1"}]}], 1, "advisories: a 1: PYSEC-1"),
        ([{"name": "a", "version": "1", "vulns": []}], 0, "advisories: 0 in "),
        (
            [{"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "not found"}],
            0,
            "nothing could be asked about 1 more",
        ),
    ],
)
def test_pip_audit_is_asked_where_it_is_there(
    says: list[dict[str, Any]] | None, status: int, told: str, tmp_path: Path
) -> None:
    program = tmp_path / "pip-audit"
    answer = "" if says is None else json.dumps({"dependencies": says})
    program.write_text(f"#!/bin/sh\ncat >'{tmp_path}/asked'\necho '{answer}'\nexit 1\n")
    program.chmod(0o755)
    ended = audit(path=f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    assert ended.returncode == status
    assert told in ended.stdout
    asked = (tmp_path / "asked").read_text().splitlines()
    assert (
        f"torch=={(ROOT / 'requirements' / 'torch.txt').read_text().strip().split('==')[1].split('+')[0]}"
        in asked
    )


def test_an_advisory_that_was_accepted_by_name_and_reason_fails_nothing(tmp_path: Path) -> None:
    for file in (
        "scripts/advisories.py",
        "scripts/pins.py",
        "requirements/lock.txt",
        "requirements/torch.txt",
    ):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    (tmp_path / "requirements" / "accepted.txt").write_text("PYSEC-1: no template of ours is a stranger's\n")
    record(tmp_path, versions=[VERSION])
    command = [sys.executable, str(tmp_path / "scripts" / "advisories.py")]
    environment = {"BELAY_ADVISORIES": str(tmp_path / "osv")}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, ended.stdout.split(", ")[-1]) == (0, "1 accepted\n")
