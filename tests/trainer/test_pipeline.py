from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from serving.models.manifest import attest, read_manifest
from telemetry.errors import AttestationError, UsageError
from tests.trainer.tiny import tiny_base
from trainer.config import TrainSettings
from trainer.methods import lora
from trainer.pipeline import recipe, run


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a base model and eight dialogues."""
    folder = tmp_path_factory.mktemp("trainer")
    tiny_base(folder / "base")
    row = {
        "messages": [
            {"role": "user", "content": "where is my parcel"},
            {"role": "assistant", "content": "it is on its way"},
        ]
    }
    (folder / "train.jsonl").write_text((json.dumps(row) + "\n") * 8)
    return folder


def settings(place: Path, output: Path, **changes: Any) -> TrainSettings:
    given = {
        "base": place / "base",
        "data": place / "train.jsonl",
        "output": output,
        "name": "tiny-support",
        "steps": 2,
        "batch_size": 4,
        "lora": {"rank": 2},
        "threads": 1,
        **changes,
    }
    return TrainSettings.model_validate(given)


def test_a_candidate_is_a_whole_model_bound_to_base_data_and_settings(place: Path, tmp_path: Path) -> None:
    notes: list[str] = []
    wanted = settings(place, tmp_path / "models" / "c")
    folder = run(wanted, lambda done, total, note: notes.append(f"{done}/{total} {note}"))
    manifest = attest(folder)
    assert manifest.kind == "candidate"
    assert (manifest.base_sha256, manifest.data_sha256, manifest.settings) == recipe(wanted)
    assert {"model.safetensors", "tokenizer.json", "config.json", "adapter/adapter_model.safetensors"} <= set(
        manifest.files
    )
    assert (folder / "tokenizer.json").read_bytes() == (place / "base" / "tokenizer.json").read_bytes()
    assert str(place) not in (folder / "adapter" / "adapter_config.json").read_text()
    assert len((folder / "training.jsonl").read_text().splitlines()) == 2
    assert any(note.startswith("2/2 loss") for note in notes)
    assert list(folder.parent.iterdir()) == [folder]


def test_the_merged_weights_are_base_plus_scaled_ba_in_bfloat16(place: Path, tmp_path: Path) -> None:
    folder = run(settings(place, tmp_path / "c", learning_rate=0.05))
    merged, base = load_file(folder / "model.safetensors"), load_file(place / "base" / "model.safetensors")
    adapter = load_file(folder / "adapter" / "adapter_model.safetensors")
    name = "model.layers.0.mlp.up_proj"
    a, b = (adapter[f"base_model.model.{name}.lora_{part}.weight"].float() for part in "AB")
    expected = (base[f"{name}.weight"].float() + (32.0 / 2) * (b @ a)).to(torch.bfloat16)
    assert torch.equal(merged[f"{name}.weight"], expected)
    assert not torch.equal(merged[f"{name}.weight"], base[f"{name}.weight"])
    assert merged.keys() == base.keys()
    model: Any = AutoModelForCausalLM.from_pretrained(str(folder))
    assert model.dtype == torch.bfloat16


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(place: Path, tmp_path: Path) -> None:
    one = read_manifest(run(settings(place, tmp_path / "one")))
    same = read_manifest(run(settings(place, tmp_path / "same")))
    other = read_manifest(run(settings(place, tmp_path / "other", seed=8)))
    assert one.files == same.files
    assert one.sha256 == same.sha256
    assert one.sha256 != other.sha256


def test_training_leaves_the_process_s_arithmetic_as_it_was(place: Path, tmp_path: Path) -> None:
    run(settings(place, tmp_path / "a"))
    assert sys.float_info.min * 0.5 > 0.0, "numbers below the smallest normal one are still not zero"


def test_a_base_that_differs_from_its_manifest_is_not_trained_on(place: Path, tmp_path: Path) -> None:
    base = tiny_base(tmp_path / "base")
    (base / "config.json").write_text("{}")
    with pytest.raises(AttestationError, match=r"config\.json"):
        run(settings(place, tmp_path / "c", base=base))
    assert not (tmp_path / "c").exists()


def test_a_candidate_is_no_base(place: Path, tmp_path: Path) -> None:
    candidate = run(settings(place, tmp_path / "c"))
    with pytest.raises(AttestationError, match="expected a base model"):
        run(settings(place, tmp_path / "d", base=candidate))


def test_data_that_cannot_be_used_leaves_nothing_behind(place: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="within the first 2"):
        run(settings(place, tmp_path / "c", max_length=2))
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_during_the_merge_leaves_the_older_candidate(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run(settings(place, tmp_path / "c"))
    before = attest(folder)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(lora, "save_adapter", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(settings(place, tmp_path / "c", seed=9))
    assert attest(folder) == before
    assert list(tmp_path.iterdir()) == [folder]
