from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.trainer.tiny import tiny_base
from trainer.config import LoraSettings
from trainer.loop.disk import SPARE, DiskFull, adapter_bytes, require_room, weights_bytes
from trainer.methods import lora


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


def test_the_weights_are_those_of_the_safetensors_files(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"12345")
    (tmp_path / "b.safetensors").write_bytes(b"123")
    (tmp_path / "c.json").write_bytes(b"1")
    assert weights_bytes(tmp_path) == 8


@pytest.mark.parametrize("rank", [1, 4])
def test_an_adapter_is_estimated_from_the_base_alone_and_never_too_small(tmp_path: Path, rank: int) -> None:
    base = tiny_base(tmp_path / "base")
    settings = LoraSettings(rank=rank)
    made = lora.add_adapter(lora.load_base(base, "float32"), settings, seed=1)
    real = sum(4 * weight.numel() for weight in made.parameters() if weight.requires_grad)
    assert real <= adapter_bytes(base, settings) <= 1.2 * real
