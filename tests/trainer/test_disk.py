from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from trainer.disk import SPARE, DiskFull, bytes_of, require_room


def test_too_little_room_is_told_with_what_is_needed_and_what_is_there(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    with pytest.raises(DiskFull, match=r"the candidate takes .* GB .* has .* GB left") as caught:
        require_room(tmp_path / "not" / "yet", 2 * free, "the candidate", hint="Make room.")
    assert caught.value.exit_code == 4
    assert "Make room." in str(caught.value)


def test_enough_room_counts_what_should_stay_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=SPARE + 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    require_room(tmp_path, 1000, "a state", hint="")
    with pytest.raises(DiskFull):
        require_room(tmp_path, 1001, "a state", hint="")


def test_the_size_of_a_folder_s_files_is_summed(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"12345")
    (tmp_path / "b.safetensors").write_bytes(b"123")
    (tmp_path / "c.json").write_bytes(b"1")
    assert bytes_of(tmp_path, "*.safetensors") == 8
