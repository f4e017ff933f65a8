"""The low-rank adapter on a frozen base. Importing this loads torch and peft."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from trainer.config import LoraSettings

DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}


def load_base(folder: Path, dtype: str) -> Any:
    """The causal language model in `folder`, with its weights in `dtype`."""
    return AutoModelForCausalLM.from_pretrained(str(folder), dtype=DTYPES[dtype])


def add_adapter(model: Any, settings: LoraSettings, seed: int) -> Any:
    """Freeze `model` and put an adapter on its linear layers, initialised from `seed`.

    The adapter's weights are float32 whatever the base's are: bfloat16 would lose small updates.
    """
    torch.manual_seed(seed)
    targets = settings.targets if settings.targets == "all-linear" else list(settings.targets)
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=targets,
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, config)


def save_adapter(model: Any, folder: Path, base_sha256: str) -> None:
    """Save the adapter alone; it names its base by hash, since a path means nothing on another machine."""
    model.save_pretrained(str(folder))
    (folder / "README.md").unlink(missing_ok=True)  # peft's model card template: no word of it is filled in
    path = folder / "adapter_config.json"
    config = json.loads(path.read_bytes())
    config["base_model_name_or_path"] = f"sha256:{base_sha256}"
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
