"""A rollout pins base and candidate from its start until it can no longer be rolled back."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from router.control.actor import Control
from router.control.pinning import Pinning, pin_of
from router.control.rollout import Close, Promote, RollBack, rollback_until
from serving.models.pins import PINS, Pin, read_pins
from telemetry.errors import InfrastructureError
from telemetry.events import now
from telemetry.rollout_file import write_rollout
from tests.router.values import promoted, rolled_back, spec, started


def pins(models: Path) -> list[Pin]:
    return [Pin.model_validate_json(path.read_bytes()) for path in sorted((models / PINS).glob("*.json"))]


def control_in(folder: Path) -> Control:
    return Control(folder / "rollout.json", folder / "control.jsonl", models=folder / "models")


def test_what_each_status_pins() -> None:
    ramping = started(shares=(0.5,))
    full = promoted(ramping)
    made = pin_of(ramping)
    assert made is not None
    assert {model.sha256 for model in made.models} == {"b" * 64, "c" * 64}
    assert made.until is None
    window = pin_of(full)
    assert window is not None
    assert window.until == rollback_until(full) == full.since + timedelta(days=30)
    assert pin_of(rolled_back(full)) is None
    assert pin_of(full.model_copy(update={"status": "closed"})) is None


def test_the_pin_follows_the_rollout_from_start_to_close(tmp_path: Path) -> None:
    control = control_in(tmp_path)
    control.start(spec((0.5,)))
    assert [pin.until for pin in pins(tmp_path / "models")] == [None]
    full = control.act("r1", Promote("ada", "good"))
    assert [pin.until for pin in pins(tmp_path / "models")] == [rollback_until(full)]
    control.act("r1", Close("ada", "control serves it"))
    assert pins(tmp_path / "models") == []


def test_a_rollback_releases_the_models(tmp_path: Path) -> None:
    control = control_in(tmp_path)
    control.start(spec())
    control.act("r1", RollBack("ada", "enough"))
    assert pins(tmp_path / "models") == []


def test_the_window_ends_with_a_closed_rollout_and_nothing_pinned(tmp_path: Path) -> None:
    moment = now()

    def clock() -> datetime:
        return moment

    control = Control(tmp_path / "r.json", tmp_path / "j", clock, tmp_path / "models")
    control.start(spec((0.5,)))
    control.act("r1", Promote("ada", "good"))
    moment += timedelta(days=30)
    control.expire()
    assert pins(tmp_path / "models") == []


def test_a_control_that_starts_anew_pins_what_its_file_says(tmp_path: Path) -> None:
    control_in(tmp_path).start(spec())
    (pin,) = (tmp_path / "models" / PINS).glob("*.json")
    pin.unlink()
    control_in(tmp_path)
    assert [found.rollout_id for found in read_pins(tmp_path / "models")] == ["r1"]


def test_what_cannot_be_pinned_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file", encoding="utf-8")
    control = control_in(tmp_path)
    with pytest.raises(InfrastructureError, match="cannot pin"):
        control.start(spec())
    assert control.current() is None
    assert not (tmp_path / "rollout.json").exists()


def test_a_rollout_that_cannot_be_written_down_pins_nothing(tmp_path: Path) -> None:
    control = Control(tmp_path / "held" / "r.json", tmp_path / "j", models=tmp_path / "models")
    (tmp_path / "held").write_text("a file", encoding="utf-8")
    with pytest.raises(InfrastructureError, match="cannot write the rollout's state"):
        control.start(spec())
    assert control.current() is None
    assert pins(tmp_path / "models") == []


def test_a_rollout_that_another_control_wrote_past_pins_nothing(tmp_path: Path) -> None:
    control, later = control_in(tmp_path), started(rollout_id="r2")
    write_rollout(tmp_path / "rollout.json", later.model_copy(update={"since": now() + timedelta(days=1)}))
    with pytest.raises(InfrastructureError, match="holds a newer state"):
        control.start(spec())
    assert pins(tmp_path / "models") == []


def test_a_pin_that_cannot_be_released_is_never_in_the_way_of_a_rollback(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    control = control_in(tmp_path)
    control.start(spec())

    def fails(*_: object) -> bool:
        raise OSError("read-only file system")

    monkeypatch.setattr("router.control.pinning.release_pin", fails)
    assert control.act("r1", RollBack("ada", "enough")).status == "rolled_back"
    assert "the pins of rollout r1 are not up to date: read-only file system" in caplog.text


def test_without_a_folder_nothing_is_pinned(tmp_path: Path) -> None:
    Pinning(None).require(started())
    Pinning(None).follow(started())
    assert list(tmp_path.iterdir()) == []
