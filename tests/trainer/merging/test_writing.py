from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel

from serving.models.manifest import write_manifest
from telemetry.errors import UsageError
from tests.trainer.tiny import tiny_base, tiny_tokenizer
from trainer.config import LoraSettings
from trainer.data.encoding import Example
from trainer.merging.interpolation import between
from trainer.merging.writing import interpolate, merge_adapter
from trainer.methods import lora

TOKENS = torch.tensor([[1, 3, 4, 5, 6, 2], [1, 7, 8, 9, 10, 2]])
RETENTION = [Example((1, 3, 4, 5), (1, 3, 4, 5))]
VARIANTS = ["lora", "dora", "rslora", "corda", "osf"]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("merge") / "base")


def adapter(base: Path, folder: Path, variant: str = "lora") -> Path:
    """An adapter that was moved in every weight, saved."""
    settings = LoraSettings(rank=3, alpha=6, variant=variant)
    model = lora.add_adapter(lora.load_base(base, "float32"), settings, 5, RETENTION)
    generator = torch.Generator().manual_seed(2)
    for weight in model.parameters():
        if weight.requires_grad:
            weight.data += 0.1 * torch.randn(weight.shape, generator=generator)
    lora.save_adapter(model, folder, "abc")
    return folder


def load(folder: Path) -> dict[str, torch.Tensor]:
    return {name: values.float() for name, values in load_file(str(folder / "model.safetensors")).items()}


@torch.no_grad()
def logits(model: Any) -> torch.Tensor:
    return model.eval()(input_ids=TOKENS).logits.float()


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_merged_weights_are_those_that_peft_merges(base: Path, tmp_path: Path, variant: str) -> None:
    folder = adapter(base, tmp_path / "adapter", variant)
    merge_adapter(base, folder, tmp_path / "merged", dtype="float32")
    peft = PeftModel.from_pretrained(lora.load_base(base, "float32"), str(folder)).merge_and_unload()
    expected, found = peft.state_dict(), load(tmp_path / "merged")
    changed = 0
    for name, values in found.items():
        torch.testing.assert_close(values, expected[name], rtol=1e-5, atol=1e-6)
        changed += not torch.equal(values, load(base)[name])
    assert changed == 14


def test_weights_are_as_wide_as_asked_and_the_rest_is_base_s_byte_for_byte(
    base: Path, tmp_path: Path
) -> None:
    (base / "LICENSE").write_text("free\n")
    merge_adapter(base, adapter(base, tmp_path / "adapter"), tmp_path / "merged")
    names = {file.name for file in base.iterdir()} - {"manifest.json"}
    assert {file.name for file in (tmp_path / "merged").iterdir()} == names
    for name in names - {"model.safetensors"}:
        assert (tmp_path / "merged" / name).read_bytes() == (base / name).read_bytes(), name
    model: Any = AutoModelForCausalLM.from_pretrained(str(tmp_path / "merged"))
    assert model.dtype == torch.bfloat16
    merge_adapter(base, tmp_path / "adapter", tmp_path / "wide", dtype="float32")
    assert json.loads((tmp_path / "wide" / "config.json").read_bytes())["dtype"] == "float32"
    wide: Any = AutoModelForCausalLM.from_pretrained(str(tmp_path / "wide"))
    assert wide.dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_merged_model_has_base_s_precision_unless_another_is_asked_for(
    base: Path, tmp_path: Path, dtype: torch.dtype
) -> None:
    model: Any = AutoModelForCausalLM.from_pretrained(str(base), dtype=dtype)
    other = tmp_path / "other"
    model.save_pretrained(str(other))
    merge_adapter(other, adapter(base, tmp_path / "adapter"), tmp_path / "merged")
    stored = load_file(str(tmp_path / "merged" / "model.safetensors"))
    assert {weight.dtype for weight in stored.values()} == {dtype}
    assert (tmp_path / "merged" / "config.json").read_bytes() == (other / "config.json").read_bytes()


@pytest.mark.parametrize("method", ["linear", "slerp"])
def test_between_two_folders_every_tensor_lies_on_the_way(base: Path, tmp_path: Path, method: Any) -> None:
    folder = adapter(base, tmp_path / "adapter")
    merge_adapter(base, folder, tmp_path / "tuned", dtype="float32")
    for source in (folder, tmp_path / "tuned"):
        interpolate(base, source, tmp_path / "half", method, (0.4,), dtype="float32")
        start, end, half = load(base), load(tmp_path / "tuned"), load(tmp_path / "half")
        for name, values in half.items():
            torch.testing.assert_close(values, between(start[name], end[name], 0.4, method))
        assert not torch.equal(
            half["model.layers.0.mlp.up_proj.weight"], start["model.layers.0.mlp.up_proj.weight"]
        )


@pytest.mark.parametrize("method", ["linear", "slerp"])
def test_weight_one_is_the_fine_tune_and_weight_zero_is_base(base: Path, tmp_path: Path, method: Any) -> None:
    folder = adapter(base, tmp_path / "adapter")
    merge_adapter(base, folder, tmp_path / "tuned")
    interpolate(base, folder, tmp_path / "one", method, (1.0,))
    interpolate(base, folder, tmp_path / "zero", method, (0.0,))
    for made, expected in (("one", tmp_path / "tuned"), ("zero", base)):
        assert (tmp_path / made / "model.safetensors").read_bytes() == (
            expected / "model.safetensors"
        ).read_bytes()


def test_thirds_have_weights_of_their_own(base: Path, tmp_path: Path) -> None:
    folder = adapter(base, tmp_path / "adapter")
    interpolate(base, folder, tmp_path / "made", "linear", (1.0, 0.5, 0.0), dtype="float32")
    merge_adapter(base, folder, tmp_path / "tuned", dtype="float32")
    start, end, made = load(base), load(tmp_path / "tuned"), load(tmp_path / "made")
    for layer, weight in ((0, 1.0), (1, 0.5)):  # of two layers, the second is the middle third's
        name = f"model.layers.{layer}.mlp.up_proj.weight"
        torch.testing.assert_close(made[name], torch.lerp(start[name], end[name], weight))


def test_a_base_in_shards_gives_the_same_shards(base: Path, tmp_path: Path) -> None:
    folder = adapter(base, tmp_path / "adapter")
    sharded = tmp_path / "sharded"
    lora.load_base(base, "bfloat16").save_pretrained(str(sharded), max_shard_size="2KB")
    assert len(list(sharded.glob("*.safetensors"))) > 2
    merge_adapter(sharded, folder, tmp_path / "from_shards")
    merge_adapter(base, folder, tmp_path / "from_one")
    assert {f.name for f in (tmp_path / "from_shards").glob("model*")} == {
        f.name for f in sharded.glob("model*")
    }
    one, other = (
        AutoModelForCausalLM.from_pretrained(str(tmp_path / f)) for f in ("from_shards", "from_one")
    )
    assert torch.equal(logits(one), logits(other))


def test_weights_that_are_kept_across_are_merged_too(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=32, n_positions=16, n_embd=16, n_layer=1, n_head=2)
    GPT2LMHeadModel(config).save_pretrained(str(tmp_path / "base"))
    tiny_tokenizer().save_pretrained(str(tmp_path / "base"))
    write_manifest(tmp_path / "base", kind="base", name="gpt2")
    with pytest.warns(UserWarning, match="fan_in_fan_out"):
        folder = adapter(tmp_path / "base", tmp_path / "adapter")
    merge_adapter(tmp_path / "base", folder, tmp_path / "merged", dtype="float32")
    expected = PeftModel.from_pretrained(lora.load_base(tmp_path / "base", "float32"), str(folder))
    merged: Any = AutoModelForCausalLM.from_pretrained(str(tmp_path / "merged"))
    torch.testing.assert_close(logits(merged), logits(expected), rtol=1e-4, atol=1e-5)


def test_what_does_not_belong_together_is_refused(base: Path, tmp_path: Path) -> None:
    folder = adapter(base, tmp_path / "adapter")
    weights = load_file(str(folder / "adapter_model.safetensors"))
    foreign = {key.replace("layers.1", "layers.9"): values for key, values in weights.items()}
    save_file(foreign, str(folder / "adapter_model.safetensors"))
    with pytest.raises(UsageError, match=r"has weights that .* has not: model\.layers\.9"):
        merge_adapter(base, folder, tmp_path / "made")

    save_file({"base_model.model.x.weight": torch.ones(1)}, str(folder / "adapter_model.safetensors"))
    with pytest.raises(UsageError, match="no part of a low-rank adapter"):
        merge_adapter(base, folder, tmp_path / "made")

    config = json.loads((folder / "adapter_config.json").read_bytes())
    for change in ({"peft_type": "IA3"}, {"rank_pattern": {"q_proj": 2}}):
        (folder / "adapter_config.json").write_text(json.dumps(config | change))
        with pytest.raises(UsageError, match="expected a LoRA adapter"):
            merge_adapter(base, folder, tmp_path / "made")

    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(UsageError, match=r"no model\.safetensors"):
        interpolate(base, other, tmp_path / "made")
    for tensors, why in (
        ({"model.norm.weight": torch.ones(16)}, "has no weight"),
        ({name: torch.ones(1) for name in load(base)}, "has shape"),
    ):
        save_file(tensors, str(other / "model.safetensors"))
        with pytest.raises(UsageError, match=why):
            interpolate(base, other, tmp_path / "made")
