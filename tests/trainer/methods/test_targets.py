"""Which layers `lora.targets` means, on random models of several architectures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from telemetry.errors import SettingsError
from trainer.config import LoraSettings, load_train_settings
from trainer.methods import lora
from trainer.methods.adapted import adapted_layers
from trainer.methods.targets import linear_layers

LLAMA_LIKE = ({"gate_proj", "up_proj", "down_proj"}, {"q_proj", "k_proj", "v_proj", "o_proj"})
# Feed-forward and attention by the last part of their names, as each architecture's own code calls them.
ARCHITECTURES: dict[str, tuple[set[str], set[str]]] = {
    "llama": LLAMA_LIKE,
    "mistral": LLAMA_LIKE,
    "qwen2": LLAMA_LIKE,
    "qwen3": LLAMA_LIKE,
    "gpt_neox": ({"dense_h_to_4h", "dense_4h_to_h"}, {"query_key_value", "dense"}),
    "phi": ({"fc1", "fc2"}, {"q_proj", "k_proj", "v_proj", "dense"}),
    "phi3": ({"gate_up_proj", "down_proj"}, {"qkv_proj", "o_proj"}),
    "opt": ({"fc1", "fc2"}, {"q_proj", "k_proj", "v_proj", "out_proj"}),
    "falcon": ({"dense_h_to_4h", "dense_4h_to_h"}, {"query_key_value", "dense"}),
}
LAYERS = 2


def random_model(kind: str, **more: Any) -> Any:
    torch.manual_seed(0)
    sizes = {
        "vocab_size": 32,
        "hidden_size": 16,
        "intermediate_size": 24,
        "ffn_dim": 24,
        "word_embed_proj_dim": 16,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "max_position_embeddings": 32,
        "pad_token_id": 0,
    }
    known = CONFIG_MAPPING[kind]().to_dict().keys()
    config = CONFIG_MAPPING[kind](**{k: v for k, v in sizes.items() if k in known}, **more)
    return AutoModelForCausalLM.from_config(config)


def names(model: Any, targets: Any) -> list[str]:
    made = lora.add_adapter(model, LoraSettings(rank=2, targets=targets), seed=1)
    return [layer.name for layer in adapted_layers(made)]


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_a_part_s_adapters_lie_on_all_its_layers_and_on_no_other(kind: str) -> None:
    for targets, own in zip(("mlp", "attention"), ARCHITECTURES[kind], strict=True):
        found = names(random_model(kind), targets)
        assert {name.rpartition(".")[2] for name in found} == own
        assert len(found) == len(set(found)) == LAYERS * len(own)


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_both_parts_together_are_all_linear(kind: str) -> None:
    model = random_model(kind)
    parts = [set(linear_layers(model, targets)) for targets in ("mlp", "attention")]
    assert parts[0] | parts[1] == set(linear_layers(model, "all-linear"))
    assert not parts[0] & parts[1]


@pytest.mark.parametrize("variant", ["lora", "dora", "osf"])
def test_every_variant_takes_a_part(variant: str) -> None:
    settings = LoraSettings(rank=2, targets="mlp", variant=variant)
    made = lora.add_adapter(random_model("llama"), settings, seed=1)
    free = [name for name, weight in made.named_parameters() if weight.requires_grad]
    assert free
    assert all(".mlp." in name for name in free)


@pytest.mark.filterwarnings("ignore:fan_in_fan_out")  # peft turns them round itself
def test_gpt_2_s_layers_that_lie_across_count_as_linear() -> None:
    assert {name.rpartition("h.")[2][2:] for name in names(random_model("gpt2", n_layer=2), "mlp")} == {
        "mlp.c_fc",
        "mlp.c_proj",
    }


def test_a_router_among_experts_is_no_feed_forward_layer() -> None:
    model = random_model("qwen2_moe", num_experts=2, num_experts_per_tok=1, decoder_sparse_step=1)
    found = list(linear_layers(model, "mlp"))
    assert found
    assert not any(name.endswith("gate") for name in found)


def test_a_model_without_the_part_is_told_with_the_layers_that_it_has() -> None:
    torch.manual_seed(0)
    model = random_model("llama")
    for layer in model.model.layers:
        del layer.mlp
        layer.mixer = torch.nn.ModuleDict({"wide": torch.nn.Linear(16, 24)})
    with pytest.raises(SettingsError, match=r"no feed-forward layer.*model\.layers\.\*\.mixer\.wide"):
        names(model, "mlp")


def test_a_word_for_targets_that_is_none_is_refused_with_those_that_are(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("base: b\ndata: d\noutput: o\nname: c\nlora: {targets: mpl}\n")
    with pytest.raises(SettingsError, match=r"targets.*'all-linear', 'mlp' or 'attention'.*found 'mpl'"):
        load_train_settings(path)
