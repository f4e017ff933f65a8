"""Quantised GGUF weights to a Hugging Face folder. Importing this loads torch and transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def convert(source: Path, folder: Path) -> None:
    """Write the model in `source` to `folder`: bfloat16 safetensors, config, tokenizer, chat template."""
    where, name = str(source.parent), source.name
    tokenizer = AutoTokenizer.from_pretrained(where, gguf_file=name, trust_remote_code=False)
    read = AutoModelForCausalLM.from_pretrained(
        where, gguf_file=name, dtype=torch.float32, trust_remote_code=False
    )
    # The weights are dequantised now; loaders would refuse them if the config still said GGUF.
    read.config.__dict__.pop("quantization_config", None)
    # A fresh model has none of the hooks that the GGUF loader leaves, which save_pretrained stumbles over.
    model = type(read)(read.config).to(torch.bfloat16)
    model.load_state_dict(read.state_dict())
    model.tie_weights()
    model.generation_config = read.generation_config
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def greedy_answer(folder: Path, question: str, max_tokens: int = 24) -> str:
    """What the model in `folder` answers to one user turn, greedily, in this process."""
    tokenizer = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False)
    model: Any = AutoModelForCausalLM.from_pretrained(
        str(folder), dtype=torch.bfloat16, trust_remote_code=False, use_safetensors=True
    )
    turns = [{"role": "user", "content": question}]
    asked = tokenizer.apply_chat_template(
        turns, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    with torch.no_grad():
        produced = model.generate(**asked, max_new_tokens=max_tokens, do_sample=False)
    return str(tokenizer.decode(produced[0, asked["input_ids"].shape[1] :], skip_special_tokens=True))
