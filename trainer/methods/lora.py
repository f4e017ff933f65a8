"""The low-rank adapter on a frozen base, in peft's variants. Importing this loads torch and peft."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from trainer.config import LoraSettings
from trainer.data.encoding import Example
from trainer.methods import variants
from trainer.methods.devices import Where, dtype_on
from trainer.methods.targets import peft_targets

DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}


def load_base(folder: Path, dtype: str) -> Any:
    """The causal language model in `folder`, with its weights in `dtype`."""
    return AutoModelForCausalLM.from_pretrained(
        str(folder), dtype=DTYPES[dtype], trust_remote_code=False, use_safetensors=True
    )


def load_onto(folder: Path, dtype: str, device: Where) -> Any:
    """The same on `device`, in the dtype that it has in the place of `dtype`."""
    return load_base(folder, dtype_on(dtype, device)).to(device)


def add_adapter(model: Any, settings: LoraSettings, seed: int, retention: Sequence[Example] = ()) -> Any:
    """Freeze `model` and put an adapter on its linear layers, initialised from `seed`.

    The adapter's weights are float32 whatever the base's are: bfloat16 would lose small updates. `retention` are
    the examples whose inputs corda spares; it raises SettingsError without any. See `trainer.methods.variants`.
    """
    torch.manual_seed(seed)
    if settings.variant == "osf":
        return variants.add_osf(model, settings)
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=peft_targets(model, settings.targets),
        use_dora=settings.variant == "dora",
        use_rslora=settings.variant == "rslora",
        task_type="CAUSAL_LM",
    )
    if settings.variant == "corda":
        return variants.add_corda(model, config, settings, retention)
    return get_peft_model(model, config)


def save_adapter(model: Any, folder: Path, base_sha256: str) -> None:
    """Save the adapter alone; it names its base by hash, since a path means nothing on another machine.

    It is a LoRA adapter to the base as it is, whatever the variant: corda and osf are converted.
    """
    if not variants.save_converted(model, folder):
        model.save_pretrained(str(folder), save_embedding_layers=False)  # they are base's
    (folder / "README.md").unlink(missing_ok=True)  # peft's model card template: no word of it is filled in
    path = folder / "adapter_config.json"
    config = json.loads(path.read_bytes())
    config["base_model_name_or_path"] = f"sha256:{base_sha256}"
    if isinstance(config["target_modules"], list):
        config["target_modules"].sort()  # peft keeps a set, whose order is another in each process
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
