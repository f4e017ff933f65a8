"""Adds an adapter's product BA to the base's weights, so that an engine serves the result like any model."""

from __future__ import annotations

import shutil
from pathlib import Path

from peft import PeftModel

from trainer.lora import DTYPES, load_base

_FROM_BASE = (
    "tokenizer*",
    "chat_template*",
    "special_tokens*",
    "vocab*",
    "merges*",
    "generation_config.json",
)


def merge_adapter(base: Path, adapter: Path, output: Path, dtype: str = "bfloat16") -> None:
    """Write base plus adapter to `output` as safetensors in `dtype`.

    The sum is taken in float32 and rounded once. Tokenizer, chat template and generation config are the
    base's own files, byte for byte, so that the two arms can differ in their weights only.
    """
    model = PeftModel.from_pretrained(load_base(base, "float32"), str(adapter))
    merged = model.merge_and_unload().to(DTYPES[dtype])
    merged.save_pretrained(str(output))
    for pattern in _FROM_BASE:
        for file in sorted(base.glob(pattern)):
            shutil.copyfile(file, output / file.name)
