"""What the doctor says of this machine: disks, who may write and read, settings, versions of packages."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from belay.launcher import doctor_places as places
from belay.launcher.finding import Finding
from belay.project import Project

GB = 10**9


def project(home: Path, **more: Any) -> Project:
    return Project.model_validate({"route": "r", "base": "b", "brief": "b.yaml", "home": home, **more})


def found(findings: Any) -> dict[str, Finding]:
    return {one.what: one for one in findings}


@pytest.mark.parametrize(
    ("free", "lies", "disk", "spool"),
    [(9, 0, "ok", "ok"), (3, 0, "ok", "note"), (3, 1, "ok", "ok"), (1, 3, "wrong", "ok")],
)
def test_a_disk_has_room_for_what_is_made_and_for_all_that_the_spool_may_hold(
    free: int, lies: int, disk: str, spool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "runs" / "route-r" / "spool"
    folder.mkdir(parents=True)
    with (folder / "segment").open("wb") as segment:
        segment.truncate(lies * GB)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free * GB))
    given = project(tmp_path, router={"spool_quota_bytes": 4 * GB, "workers": 2})
    told = found(places.disks(given))
    assert (told["disk"].state, told["spool"].state) == (disk, spool)


def test_a_folder_that_cannot_be_written_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").mkdir()
    monkeypatch.setattr(os, "access", lambda path, _: path != tmp_path / "models")
    (only,) = places.rights(tmp_path / "belay.yaml", project(tmp_path))
    assert (only.state, only.exit_code) == ("wrong", 2)
    assert str(tmp_path / "models") in only.told


@pytest.mark.parametrize(
    ("mode", "states"), [(0o600, ["ok"]), (0o644, ["wrong", "wrong", "note", "note", "note"])]
)
def test_keys_that_everybody_may_read_are_wrong_and_hashes_a_note(
    mode: int, states: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    monkeypatch.setenv("BELAY_SECRETS_DIR", str(secrets))
    names = ("belay.yaml", "tls.key", "keys.yaml", "tokens.yaml", "secrets/bus__sasl_password")
    for name in names:
        (tmp_path / name).touch()
        (tmp_path / name).chmod(mode)
    given = project(
        tmp_path,
        kafka={"sasl_password": "x"},
        router={"tls_key": str(tmp_path / "tls.key"), "keys_file": str(tmp_path / "keys.yaml")},
        access={"tokens": tmp_path / "tokens.yaml"},
    )
    told = list(places.rights(tmp_path / "belay.yaml", given))
    assert [one.state for one in told] == states
    assert all(
        str(tmp_path / name) in one.do for name, one in zip(names, told, strict=False) if mode != 0o600
    )


def test_packages_are_compared_with_the_lock_and_what_is_not_installed_is_passed_over(tmp_path: Path) -> None:
    assert list(places.versions(tmp_path)) == []
    lock = tmp_path / "lock.txt"
    lock.write_text(f"# a word\npydantic==0.0.1 \\\n    --hash=sha256:{'1' * 64}\nnobody-has-this==1.0\n")
    (only,) = places.versions(tmp_path)
    assert (only.state, "(0.0.1)" in only.told, "nobody" in only.told) == ("note", True, False)
    (tmp_path / "cuda.txt").write_text(f"pydantic==={places._version('pydantic')}\n")
    (only,) = places.versions(tmp_path)
    assert only.state == "ok"


def test_a_build_for_this_machine_is_the_version_that_was_tested(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "version", {"torch": "2.13.0+cpu"}.__getitem__)
    (tmp_path / "lock.txt").write_text("torch==2.13.0\n")
    assert [found.state for found in places.versions(tmp_path)] == ["ok"]
    (tmp_path / "lock.txt").write_text("torch==2.12.0\n")
    assert [found.state for found in places.versions(tmp_path)] == ["note"]
