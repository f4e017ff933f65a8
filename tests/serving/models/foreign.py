"""Models of other people: small random ones of several architectures, and adapters that peft alone wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from tests.trainer.tiny import tiny_tokenizer

_SMALL: dict[str, Any] = {
    "vocab_size": 32,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 64,
}


def model(architecture: str, seed: int = 0) -> Any:
    """A model of random weights."""
    torch.manual_seed(seed)
    if architecture == "llama":
        return LlamaForCausalLM(LlamaConfig(**_SMALL, tie_word_embeddings=False))
    if architecture == "mistral":
        return MistralForCausalLM(MistralConfig(**_SMALL))
    if architecture == "qwen2":
        return Qwen2ForCausalLM(Qwen2Config(**_SMALL, tie_word_embeddings=True))
    return GPT2LMHeadModel(GPT2Config(vocab_size=32, n_embd=16, n_layer=2, n_head=2, n_positions=64))


def folder_of(architecture: str, folder: Path, *, tokenizer: bool = True, seed: int = 0) -> Path:
    """The folder that `save_pretrained` writes of it."""
    model(architecture, seed).to(torch.bfloat16).save_pretrained(str(folder))
    if tokenizer:
        tiny_tokenizer().save_pretrained(str(folder))
    return folder


def adapter_of(architecture: str, folder: Path, **lora: Any) -> Path:
    """The folder that peft writes of an adapter on all linear layers of such a model."""
    settings = {
        "r": 4,
        "target_modules": "all-linear",
        "init_lora_weights": False,
        "fan_in_fan_out": architecture == "gpt2",
        **lora,
    }
    get_peft_model(model(architecture), LoraConfig(**settings)).save_pretrained(str(folder))
    return folder
