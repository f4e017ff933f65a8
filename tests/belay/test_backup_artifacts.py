"""A backup with artefacts: models, audits and the like lie in it whole, and come back by their hashes or not at all."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from belay.cli import app
from telemetry.backup import back_up
from telemetry.bus import kafka_bus
from telemetry.bus.memory_bus import MemoryBus
from telemetry.bus.settings import BusSettings
from telemetry.errors import InfrastructureError, UsageError
from telemetry.topics import TOPICS
from tests.belay.artifacts.conftest import filled


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home to keep; each command finds a broker with empty topics."""
    monkeypatch.chdir(tmp_path)
    filled(tmp_path / "home")

    class Broker(MemoryBus):
        def __init__(self, settings: BusSettings) -> None:
            super().__init__()
            self.settings = settings
            self.ensure_topics()

    monkeypatch.setattr(kafka_bus, "KafkaBus", Broker)
    return tmp_path


def belay(command: str, home: str = "home", *options: str) -> str:
    Path("belay.yaml").write_text(
        yaml.safe_dump({"route": "r", "base": "b", "brief": "b.yaml", "home": home})
    )
    done = CliRunner().invoke(app, [command, "kept", *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def files(home: str) -> dict[str, bytes]:
    places = (path for path in Path(home).rglob("*") if path.is_file() and not path.name.endswith(".new"))
    return {str(path.relative_to(home)): path.read_bytes() for path in places}


def test_what_was_kept_comes_back_as_it_was(folder: Path) -> None:
    assert "has 4 artefacts" in belay("backup", "home", "--artifacts")
    assert (folder / "kept").stat().st_mode & 0o077 == 0
    belay("restore", "other", "--artifacts")
    assert files("other") == files("home")
    belay("restore", "other", "--artifacts")  # what is there is left alone


def test_in_a_folder_that_everybody_may_read_nobody_else_reads_what_is_kept(folder: Path) -> None:
    (folder / "kept").mkdir(mode=0o755)
    belay("backup", "home", "--artifacts")
    open_to_others = [one for one in (folder / "kept").iterdir() if one.stat().st_mode & 0o077]
    assert open_to_others == []


def test_nobody_asked_for_artefacts_and_there_are_none() -> None:
    assert "artefacts" not in belay("backup")
    assert not Path("kept", "artifacts").exists()
    with pytest.raises(UsageError, match="the backup kept has no artefacts"):
        belay("restore", "other", "--artifacts")
    assert files("other") == {}


def test_another_by_the_same_name_is_not_replaced(tmp_path: Path) -> None:
    belay("backup", "home", "--artifacts")
    filled(tmp_path / "other", weights=b"other weights")
    before = files("other")
    with pytest.raises(UsageError, match="is another than models/mine") as caught:
        belay("restore", "other", "--artifacts")
    assert "name a new `home`" in caught.value.hint
    assert files("other") == before


def test_a_content_or_an_entry_that_was_changed_in_the_backup_reaches_no_home() -> None:
    belay("backup", "home", "--artifacts")
    stored = (one for one in Path("kept/artifacts/objects").rglob("*") if one.is_file())
    (content,) = (one for one in stored if one.read_bytes() == b"weights")
    content.write_bytes(b"Weights")
    with pytest.raises(UsageError, match="expected 7 bytes of sha256"):
        belay("restore", "other", "--artifacts")
    assert "models/mine/model.safetensors" not in files("other")
    content.write_bytes(b"weights")
    said = json.loads(Path("kept/manifest.json").read_text())
    said["artifacts"]["models/mine"] = "0" * 64
    Path("kept/manifest.json").write_text(json.dumps(said))
    with pytest.raises(UsageError, match="expected " + "0" * 64):
        belay("restore", "other", "--artifacts")
    assert not Path("other/models/mine").exists()


def test_a_backup_whose_artefacts_cannot_be_kept_is_none(tmp_path: Path) -> None:
    (tmp_path / "home/models/mine/model.safetensors").unlink()
    (tmp_path / "home/models/mine/model.safetensors").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="is a link"):
        belay("backup", "home", "--artifacts")
    assert not Path("kept").exists()


def test_a_pickle_is_told_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "home/models/mine/extra.txt").write_bytes(b"\x80\x04.")
    with pytest.raises(UsageError, match="is a pickle"):
        belay("backup", "home", "--artifacts")
    assert not Path("kept").exists()


def test_a_package_that_is_missing_is_told_before_anything_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(InfrastructureError, match="fsspec"):
        belay("backup", "home", "--artifacts")
    assert not Path("kept").exists()


def test_a_manifest_has_no_word_of_artefacts_where_there_are_none_and_is_read(tmp_path: Path) -> None:
    """As those of before artefacts were kept, which refuse a word that they do not know."""
    bus = MemoryBus()
    bus.ensure_topics()
    back_up(bus, TOPICS, tmp_path / "kept")
    assert "artifacts" not in json.loads((tmp_path / "kept" / "manifest.json").read_text())
    belay("restore", "other")
