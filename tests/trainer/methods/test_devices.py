"""Where a training's models and batches are. There is no GPU here: what needs one is stood in for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.trainer.tiny import tiny_base
from trainer.config import TrainSettings
from trainer.data.encoding import Example
from trainer.methods import devices, fisher, lora, objective
from trainer.methods.devices import best_device, dtype_on, onto, release
from trainer.methods.fisher import estimate
from trainer.methods.objective import tensors

EXAMPLES = [Example(tokens=(1, 3, 4, 5, 2), labels=(-100, -100, 4, 5, 2))]


def gpu(monkeypatch: pytest.MonkeyPatch, *, bfloat16: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: bfloat16)


def test_a_process_alone_computes_on_the_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert best_device() == "cpu"
    gpu(monkeypatch, bfloat16=True)
    assert best_device() == "cuda"


def test_a_gpu_without_bfloat16_computes_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu(monkeypatch, bfloat16=False)
    assert dtype_on("bfloat16", "cuda:1") == "float32"
    assert dtype_on("bfloat16", "cpu") == "bfloat16"
    gpu(monkeypatch, bfloat16=True)
    assert dtype_on("bfloat16", torch.device("cuda")) == "bfloat16"
    assert dtype_on("float32", "cuda") == "float32"


def test_a_batch_is_moved_whole_and_what_is_there_already_stays_itself() -> None:
    batch = tensors(EXAMPLES, 0)
    assert {values.device.type for values in onto(batch, "meta").values()} == {"meta"}
    assert all(onto(batch, "cpu")[name] is values for name, values in batch.items())


def test_a_model_is_loaded_onto_its_device_in_the_dtype_that_it_has_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tiny_base(tmp_path / "base")
    assert lora.load_onto(base, "bfloat16", "meta").device.type == "meta"
    asked: list[str] = []
    monkeypatch.setattr(lora, "load_base", lambda _folder, dtype: asked.append(dtype) or torch.nn.Identity())
    monkeypatch.setattr(lora, "dtype_on", lambda _dtype, _device: "float32")
    lora.load_onto(base, "bfloat16", "cpu")
    assert asked == ["float32"]


def test_the_fisher_s_batches_go_where_base_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = lora.load_base(tiny_base(tmp_path / "base"), "float32")
    moved: list[Any] = []

    def noted(batch: dict[str, torch.Tensor], device: Any) -> dict[str, torch.Tensor]:
        moved.append(device)
        return onto(batch, device)

    monkeypatch.setattr(fisher, "onto", noted)
    estimate(base, [tensors(EXAMPLES, 0)] * 2, "true")
    assert moved == [base.device] * 2


def test_a_step_s_batches_go_where_its_process_computes() -> None:
    class Elsewhere:
        device = torch.device("meta")

    made = objective.Objective(torch.nn.Linear(1, 1), Elsewhere(), 0)  # type: ignore[arg-type]
    row = objective.Row(EXAMPLES[0], "target", 1, 0)
    assert {values.device.type for values in made._batch([row]).values()} == {"meta"}


def test_memory_is_given_back_on_a_gpu_only(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []
    monkeypatch.setattr(devices.torch.cuda, "empty_cache", lambda: given.append("back"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    release()
    assert given == []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    release()
    assert given == ["back"]


def test_trainings_take_bfloat16_where_nothing_is_said() -> None:
    assert TrainSettings.model_fields["dtype"].default == "bfloat16"
