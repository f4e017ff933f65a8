"""From base and adapter to one model: W + (alpha / rank) BA in float32, saved in bfloat16. vLLM loads it unchanged."""

from __future__ import annotations

from pathlib import Path

import peft
import torch
from transformers import AutoTokenizer

from trainer.lora import load_base


def merge_adapter(base: Path, adapter: Path, output: Path) -> None:
    """Write the merged model with base's tokenizer, chat template and generation config into `output`."""
    plain = load_base(base, torch.float32)
    merged = peft.PeftModel.from_pretrained(plain, str(adapter)).merge_and_unload()
    merged = merged.to(torch.bfloat16)
    merged.config.use_cache = True
    merged.save_pretrained(output)
    AutoTokenizer.from_pretrained(str(base)).save_pretrained(output)
