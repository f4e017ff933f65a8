"""A capability brief for the tiny model: a target that it can learn, and capabilities that it has by construction."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import torch
import yaml
from transformers import AutoTokenizer

from serving.models.manifest import write_manifest
from telemetry.events import Message
from tests.trainer.tiny import tiny_base
from trainer.config import TrainSettings
from trainer.data.dialogues import Dialogue
from trainer.data.encoding import encode
from trainer.methods import lora
from trainer.methods.objective import completion_loss, tensors
from trainer.rehearsing.generate import generate

ANSWER = "it is on its way"
_WORDS = ("hello", "how", "are", "you", "fine", "thanks", "my", "way")
_TARGET = [f"where is my parcel {a} {b}" for a, b in itertools.product(_WORDS, repeat=2)]
_ADJACENT = {
    "greetings": [f"{a} {b} hello" for a, b in itertools.product(_WORDS, repeat=2)],
    "manners": [f"{a} {b} thanks you" for a, b in itertools.product(_WORDS, repeat=2)],
}
_KNOWN = {"greetings": "hello how are you", "manners": "it is fine thanks"}
_LESSONS = 60
_SPLITS = {"audit": 24, "tuning": 24}
TRAFFIC = {name: prompts[sum(_SPLITS.values()) :] for name, prompts in _ADJACENT.items()}
"""Prompts that are no items."""


def tiny_shop(folder: Path, base: Path | None = None) -> Path:
    """Brief and dialogues in `folder`, and a base model, in it unless told otherwise.

    Base has been taught the adjacent capabilities, with all of its weights, and nothing of the target. Right, of an
    adjacent item, is what it answers.
    """
    folder.mkdir(exist_ok=True)
    base = _taught(tiny_base(base or folder / "base", spread=0.5))
    rows = [
        {"messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": ANSWER}]}
        for prompt in _TARGET[48:]
    ]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    model, tokenizer = lora.load_base(base, "bfloat16"), AutoTokenizer.from_pretrained(str(base))
    _items(folder, "parcels", _TARGET, [ANSWER] * len(_TARGET))
    for name, prompts in _ADJACENT.items():
        asked = [[Message(role="user", content=prompt)] for prompt in prompts]
        _items(folder, name, prompts, generate(model, tokenizer, asked, 6))
    (folder / "brief.yaml").write_text(yaml.safe_dump(_brief()))
    return folder


def _taught(base: Path) -> Path:
    """Train the base model in the folder on the adjacent capabilities, and write it there again."""
    tokenizer = AutoTokenizer.from_pretrained(str(base))
    turns = [
        Dialogue(
            messages=(Message(role="user", content=prompt), Message(role="assistant", content=_KNOWN[name]))
        )
        for name, prompts in _ADJACENT.items()
        for prompt in prompts
    ]
    batch = tensors([encode(dialogue, tokenizer, 64) for dialogue in turns], 0)
    model = lora.load_base(base, "float32")
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    torch.manual_seed(0)
    for _ in range(_LESSONS):
        completion_loss(model, batch).backward()
        optimizer.step()
        optimizer.zero_grad()
    model.to(torch.bfloat16).save_pretrained(str(base))
    write_manifest(base, kind="base", name="tiny")
    return base


def tiny_settings(folder: Path, output: Path, **changes: Any) -> TrainSettings:
    """Settings under which the target is learnt in some twenty steps."""
    given = {
        "base": folder / "base",
        "data": folder / "train.jsonl",
        "brief": folder / "brief.yaml",
        "output": output,
        "name": "tiny-parcels",
        "steps": 20,
        "batch_size": 4,
        "learning_rate": 0.02,
        "lora": {"rank": 4},
        "threads": 1,
        **changes,
    }
    return TrainSettings.model_validate(given)


def _items(folder: Path, name: str, prompts: list[str], references: list[str]) -> None:
    splits = [split for split, count in _SPLITS.items() for _ in range(count)]
    rows = [
        {"id": f"{name}-{number}", "prompt": prompt, "reference": reference, "split": split}
        for number, (prompt, reference, split) in enumerate(zip(prompts, references, splits, strict=False))
    ]
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def _brief() -> dict[str, Any]:
    capabilities = [
        {
            "name": name,
            "role": "target" if name == "parcels" else "adjacent",
            "why": f"people ask for {name}",
            "share": share,
            "at_5_percent_loss": "a retry now and then",
            "at_15_percent_loss": "letters to the editor",
            "threshold": 0.1,
            "items": f"{name}.jsonl",
            "exemplars": [f"{prompt} how" for prompt in prompts[:6]],
            "judge": {"verifier": "contains_answer"},
            "max_tokens": 6,
        }
        for name, share, prompts in [("parcels", 0.5, _TARGET), *((n, 0.25, p) for n, p in _ADJACENT.items())]
    ]
    return {
        "name": "tiny",
        "version": "1",
        "owner": "tests",
        "summary": "a brief for a model of a few kilobytes",
        "training": "train.jsonl",
        "capabilities": capabilities,
    }
