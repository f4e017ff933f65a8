"""The models and prompts of bench/watch.py: base and damaged models, items to learn from, prompts in no file.

Prompts come from examples/support/traffic.py, which shares no run of six words with the brief; so do their truths.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _shape import say

from _watch.answers import Answered, Asked, Subject, collect, kept
from evaluator.briefs.brief import LoadedBrief, load_brief
from evaluator.judge.judges.judge import Judge
from evaluator.judge.judges.learned.lessons import Pair
from evaluator.verifiers import VERIFIERS
from serving.models.base_model import prepare_base_model
from telemetry.events import Message

ROOT = Path(__file__).parents[2]
SHOP = ROOT / "examples" / "support"
CACHE = Path(os.environ.get("BELAY_BENCH_CACHE") or Path.home() / ".cache" / "belay-bench") / "watch"
LEARNT_FROM = ("naive", "half")
"""Whose audits teach the judge."""
UNSEEN = ("base", "third", "warm")
"""Whose answers it has never seen, but for base's own to other prompts."""


@dataclass(frozen=True, slots=True)
class Size:
    """Items of each capability to learn from, and prompts that nobody has seen."""

    items: int
    prompts: int


@dataclass(frozen=True, slots=True)
class Question:
    """An unseen prompt with what is known of it alone by whoever wrote it."""

    asked: Asked
    verifier: str
    options: dict[str, Any]
    reference: Any

    @property
    def prompt(self) -> str:
        """What the user asked last."""
        return self.asked.turns[-1].content

    def truth(self, answer: str) -> float | None:
        """The verified score of an answer."""
        return VERIFIERS[self.verifier](answer, self.reference, self.prompt, self.options).value


@dataclass(frozen=True, slots=True)
class Laboratory:
    """Everything that was asked and answered. `answers` are by subject, in the order of `questions`."""

    loaded: LoadedBrief
    questions: tuple[Question, ...]
    answers: dict[str, list[Answered]]
    pairs: dict[str, list[Pair]]


def laboratory(
    size: Size, seed: int, tuned: Path | None, *, cores: str = "auto", ask: bool = True
) -> Laboratory | None:
    """Ask whatever was not asked before; `tuned` is a fine-tune that forgets, trained here where None.

    Without `ask` nothing is asked; None where something is missing then.
    """
    loaded = load_brief(SHOP / "brief.yaml")
    items = _items(loaded, size.items)
    unseen = questions(size.prompts, seed)
    asked = [one for one, _ in items] + [one.asked for one in unseen]
    if not ask and not all(kept(name, asked, CACHE / "answers") for name in {*LEARNT_FROM, *UNSEEN}):
        return None
    base = prepare_base_model(CACHE / "base")
    tuned = tuned or (naive() if ask else base)
    subjects = (
        Subject("base"),
        Subject("naive", 1.0, tuned),
        Subject("half", 0.5, tuned),
        Subject("third", 0.35, tuned),
        Subject("warm", temperature=0.7),
    )
    found = {one.name: collect(base, one, asked, CACHE / "answers", cores) for one in subjects}
    return Laboratory(
        loaded,
        tuple(unseen),
        {name: answers[len(items) :] for name, answers in found.items()},
        {name: _pairs(loaded, items, found["base"], found[name]) for name in LEARNT_FROM},
    )


def _items(loaded: LoadedBrief, most: int) -> list[tuple[Asked, str]]:
    """Audit items spread over each capability, and the cluster or id of each."""
    chosen = []
    for c in loaded.brief.capabilities:
        items = loaded.items_of(c.name, "audit")
        for item in items[:: max(1, len(items) // most)][:most]:
            turns = (Message(role="user", content=item.prompt),)
            chosen.append((Asked(c.name, turns, c.max_tokens), item.cluster or item.id))
    return chosen


def questions(count: int, seed: int) -> list[Question]:
    """Prompts that nobody has seen, with their truths."""
    file = CACHE / f"unseen-{count}-{seed}.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(SHOP / "traffic.py"), "--count", str(count), "--seed", str(seed)]
    subprocess.run([*command, "--out", str(file)], check=True, stdout=subprocess.DEVNULL)
    found = []
    for line in file.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        truth = row["truth"]
        if truth["capability"] is None:
            continue
        turns = tuple(Message.model_validate(turn) for turn in row["messages"])
        asked = Asked(truth["capability"], turns, row["max_tokens"])
        found.append(Question(asked, truth["verifier"], truth["options"], truth["reference"]))
    return found


def _pairs(
    loaded: LoadedBrief,
    items: Sequence[tuple[Asked, str]],
    base: Sequence[Answered],
    other: Sequence[Answered],
) -> list[Pair]:
    judge = Judge(loaded)
    found = []
    for (asked, group), ours, theirs in zip(items, base, other, strict=False):
        prompt = asked.turns[-1].content
        scores = [judge.judge(asked.capability, prompt, one.text).value for one in (ours, theirs)]
        if scores[0] is not None and scores[1] is not None:
            found.append(Pair(asked.capability, group, prompt, ours.text, scores[0], theirs.text, scores[1]))
    return found


def naive() -> Path:
    """The demo's naive fine-tune: the target's dialogues alone."""
    folder = CACHE / "home" / "models" / "naive"
    if (folder / "manifest.json").is_file():
        return folder
    say("training a fine-tune that forgets (minutes)")
    home = CACHE / "home"
    (home / "models").mkdir(parents=True, exist_ok=True)
    belay = [sys.executable, "-m", "belay"]
    brief = ["--home", str(home), "--brief", str(SHOP / "brief.yaml")]
    for command in (["prepare", "--home", str(home)], ["baseline", *brief], ["train", "naive", *brief]):
        subprocess.run([*belay, *command], check=True, cwd=ROOT, stdout=sys.stderr)
    return folder
