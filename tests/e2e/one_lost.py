"""Trains a candidate that loses one capability whole: all but that one are rehearsed.

The brief's other adjacent capabilities are held by their divergence from base, as docs/trainer.md says ("Where to
begin"), which is not to say that none of them falls: so little rehearsal keeps most. The one that is lost is in no
rehearsal, and a tenth of every batch teaches another form of it: lines of `key: value`, where users ask for JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from belay.home import Home
from evaluator.briefs.brief import LoadedBrief
from evaluator.briefs.items import Item
from trainer.config import RehearsalSettings, SourceSettings, TrainSettings
from trainer.pipeline import run

LOST: Final = "json_output"
NAME: Final = "support-one-lost"
REHEARSED: Final = 20
"""Exemplars of each capability: 24 steps draw fewer of them."""
_WORDINGS: Final = (
    "As JSON, keys {keys}: {text}",
    "{text} Write that as one JSON record, keys {keys}.",
    "I need this in JSON with {keys}. {text}",
    "What is the JSON object for this? Keys {keys}. {text}",
)


def train_all_but_one(home: Home, loaded: LoadedBrief, base: Path, console: Console) -> Path:
    """One training through the product's own pipeline; the candidate's folder."""
    settings = all_but_one(home, loaded, base)
    return run(settings, notice=lambda text: console.print(f"   {text}"))


def all_but_one(home: Home, loaded: LoadedBrief, base: Path) -> TrainSettings:
    """The settings of that training. No brief: a brief's rehearsal leaves none of its capabilities out."""
    prompts = _lines(home.root / "rehearsed.jsonl", _rehearsed(loaded))
    lines = _lines(home.root / "as-lines.jsonl", _as_lines(loaded.items[LOST]))
    return TrainSettings(
        name=NAME,
        base=base,
        data=loaded.training_file,
        output=home.model(NAME),
        batch_size=12,
        steps=24,
        decay=0.6,
        mix=(SourceSettings(path=lines, share=0.1),),
        rehearsal=RehearsalSettings(
            share=0.45, kl=1.5, learn=False, exemplars=False, prompts=prompts, max_new_tokens=48
        ),
    )


def _rehearsed(loaded: LoadedBrief) -> Iterator[Mapping[str, Any]]:
    for capability in loaded.brief.capabilities:
        if capability.role == "adjacent" and capability.name != LOST:
            for prompt in capability.exemplars[:REHEARSED]:
                yield {"capability": capability.name, "prompt": prompt}


def _as_lines(items: Sequence[Item]) -> Iterator[Mapping[str, Any]]:
    """What users ask, in the brief's words and in others, and the other form; no item of the audit is among them."""
    for number, item in enumerate(one for one in items if one.split == "traffic"):
        record: Mapping[str, Any] = item.reference
        keys = " and ".join(f'"{key}"' for key in record)
        text = item.prompt.partition(": ")[2].removesuffix(" JSON only.")
        said = "\n".join(f"{key}: {value}" for key, value in record.items())
        for prompt in (item.prompt, _WORDINGS[number % len(_WORDINGS)].format(keys=keys, text=text)):
            yield {"prompt": prompt, "response": said}


def _lines(path: Path, rows: Iterator[Mapping[str, Any]]) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path
