"""LoRA (Hu et al. 2021, arXiv:2106.09685): base frozen, a low-rank product BA learned beside each linear layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import peft
import torch
from transformers import AutoModelForCausalLM

from trainer.config import LoraSettings


def load_base(folder: Path, dtype: torch.dtype) -> Any:
    """The base model for training, without its key-value cache."""
    model: Any = AutoModelForCausalLM.from_pretrained(str(folder), dtype=dtype)
    model.config.use_cache = False
    return model


def with_adapter(model: Any, settings: LoraSettings) -> Any:
    """The model with a fresh adapter; B starts at zero, so it still answers as base does."""
    targets = settings.targets if settings.targets == "all-linear" else list(settings.targets)
    return peft.get_peft_model(
        model,
        peft.LoraConfig(
            r=settings.rank,
            lora_alpha=settings.alpha,
            lora_dropout=settings.dropout,
            target_modules=targets,
            task_type="CAUSAL_LM",
        ),
    )
