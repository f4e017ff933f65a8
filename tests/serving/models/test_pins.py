"""A pinned model folder is neither replaced nor removed, and the refusal says by whom and until when."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from serving.models.manifest import read_manifest, write_manifest
from serving.models.pins import (
    PINS,
    Pin,
    pinned_folders,
    read_pins,
    release_by_hand,
    release_pin,
    require_unpinned,
    write_pin,
)
from serving.models.staging import staged_folder
from telemetry.errors import InfrastructureError, ModelPinned, UnreadableRecord
from telemetry.events import ModelRef, now

OTHER = ModelRef(name="other", sha256="f" * 64)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Two model folders, `base` and `mine`."""
    for name in ("base", "mine"):
        folder = tmp_path / "models" / name
        folder.mkdir(parents=True)
        (folder / "weights").write_text(name, encoding="utf-8")
        write_manifest(folder, kind="base" if name == "base" else "candidate", name=name)
    return tmp_path / "models"


def pin(models: Path, rollout_id: str = "r1", hours: float | None = None, *names: str) -> Pin:
    refs = tuple(read_manifest(models / name).ref for name in names or ("base",))
    until = None if hours is None else now() + timedelta(hours=hours)
    made = Pin(rollout_id=rollout_id, models=(*refs, OTHER), since=now(), until=until)
    write_pin(models, made)
    return made


def replace(folder: Path) -> None:
    with staged_folder(folder) as beside:
        (beside / "weights").write_text("new", encoding="utf-8")


def test_a_pinned_folder_is_not_replaced_and_another_is(models: Path) -> None:
    pin(models)
    with pytest.raises(ModelPinned, match=r"base is pinned: rollout 'r1' is under way with it") as refused:
        replace(models / "base")
    assert "belay rollout unpin r1" in refused.value.hint
    assert refused.value.exit_code == 2
    assert (models / "base" / "weights").read_text() == "base"
    replace(models / "mine")
    assert (models / "mine" / "weights").read_text() == "new"
    assert sorted(path.name for path in models.iterdir()) == [PINS, "base", "mine"]


def test_the_window_after_the_full_rollout_is_told_and_ends_by_itself(models: Path) -> None:
    made = pin(models, "r1", 24 * 30)
    with pytest.raises(ModelPinned, match=f"pinned until {made.until:%Y-%m-%d %H:%M} UTC"):
        require_unpinned(models / "base")
    pin(models, "r1", -0.01)
    require_unpinned(models / "base")
    assert read_pins(models) == []


def test_a_rollout_that_begins_while_a_folder_is_made_still_keeps_the_old_one(models: Path) -> None:
    with pytest.raises(ModelPinned), staged_folder(models / "base") as beside:  # noqa: PT012 - its end is what fails
        (beside / "weights").write_text("new", encoding="utf-8")
        pin(models)
    assert (models / "base" / "weights").read_text() == "base"
    assert [path.name for path in models.iterdir() if ".new" in path.name] == []


def test_a_pin_holds_the_model_whatever_its_folder_is_called(models: Path) -> None:
    pin(models)
    (models / "base").rename(models / "renamed")
    with pytest.raises(ModelPinned):
        require_unpinned(models / "renamed")
    require_unpinned(models / "nothing")
    require_unpinned(models)


def test_two_rollouts_pin_and_release_their_own(models: Path) -> None:
    pin(models, "r1", None, "base", "mine")
    pin(models, "team/r 2", None, "base")
    assert [p.rollout_id for p in read_pins(models)] == ["r1", "team/r 2"]
    assert [(f.name, p.rollout_id) for f, p in pinned_folders(models)] == [
        ("base", "r1"), ("mine", "r1"), ("base", "team/r 2")
    ]  # fmt: skip
    assert release_pin(models, "r1")
    assert not release_pin(models, "r1")
    require_unpinned(models / "mine")
    with pytest.raises(ModelPinned, match="team/r 2"):
        require_unpinned(models / "base")


def test_a_release_by_hand_is_recorded(models: Path) -> None:
    pin(models)
    assert not release_by_hand(models, "r2", "ada", "typo")
    assert release_by_hand(models, "r1", "ada", "its machine is gone")
    require_unpinned(models / "base")
    (line,) = (models / PINS / "released.jsonl").read_text().splitlines()
    assert {k: json.loads(line)[k] for k in ("rollout_id", "actor", "reason")} == {
        "rollout_id": "r1",
        "actor": "ada",
        "reason": "its machine is gone",
    }


def test_a_pin_that_cannot_be_read_releases_nothing(models: Path) -> None:
    (models / PINS).mkdir()
    (models / PINS / "r1.json").write_text("{", encoding="utf-8")
    with pytest.raises(UnreadableRecord, match=r"r1\.json is no pin"):
        require_unpinned(models / "base")


def test_a_folder_that_takes_no_pin_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file", encoding="utf-8")
    made = Pin(rollout_id="r1", models=(OTHER,), since=now())
    with pytest.raises(InfrastructureError, match="cannot pin the models of rollout 'r1'"):
        write_pin(tmp_path / "models", made)
