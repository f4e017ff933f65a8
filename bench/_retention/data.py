"""What bench/retention.py trains on and measures: a target (`targets.py`) and the capabilities beside it.

Beside the target: the shipped suite's adjacent capabilities and facts of Wikidata, all of them in one capability brief,
which is what training reads. Its tuning items choose merges and settings; its audit items are asked at the end only.
The suite's other items stand for traffic: base may answer their prompts for rehearsal. ARC and PIQA are in no brief at
all: what is not named can still be lost.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import yaml

from _retention.targets import DATA, INTENTS, ROOT, Part, Target
from evaluator.briefs.brief import LoadedBrief, load_brief
from evaluator.briefs.items import normalised_prompt

BRIEF = ROOT / "examples" / "support" / "brief.yaml"
TRAFFIC = "traffic.jsonl"  # beside the brief
COT = (
    "strategyqa_train.even1500.tsv",
    "qasc_train.tsv",
    "ecqa_train.even1500.tsv",
    "creak_train.even1500.tsv",
)


@dataclass(frozen=True, slots=True)
class Choice:
    """One test item that is scored by which continuation the model finds likeliest, per character."""

    prompt: str
    choices: tuple[str, ...]
    gold: int


def missing() -> str | None:
    """Why the benchmark's data are not there, or None."""
    return None if (DATA / "bitext_intents").is_dir() else f"no data sets at {DATA}"


def write_brief(
    folder: Path, tuning: int, testing: int, learnt: int, prompts: int | None, target: Target = INTENTS
) -> Path:
    """Write the brief with all that it names into `folder`; its path. At most so many items a capability and split.

    Of the exemplars and of the traffic at most `prompts` each are written.
    """
    (folder / "items").mkdir(parents=True, exist_ok=True)
    raw = yaml.safe_load(BRIEF.read_text(encoding="utf-8"))
    shipped = load_brief(BRIEF)
    adjacent = [c for c in raw["capabilities"] if c.get("role") != "target"]
    traffic: dict[str, list[str]] = {}
    for capability in adjacent:
        name = capability["name"]
        items = {"tuning": shipped.items_of(name, "audit"), "audit": shipped.items_of(name, "traffic")}
        rows, traffic[name] = [], []
        for split, most in (("tuning", tuning), ("audit", testing)):
            rows += [
                {"id": item.id, "prompt": item.prompt, "reference": item.reference, "split": split}
                for item in items[split][:most]
            ]
            traffic[name] += [item.prompt for item in items[split][most:]]
        capability |= {"items": _lines(folder / "items" / f"{name}.jsonl", rows), "benchmarks": []}
        capability["exemplars"] = list(shipped.brief.capability(name).exemplars)
    adjacent.append(_wikidata(folder, tuning, testing, traffic, known=_prompts(shipped)))
    for capability in adjacent:
        capability["share"] = 0.5 / len(adjacent)
        capability["exemplars"] = capability["exemplars"][:prompts]
    rows = [{"capability": n, "prompt": text} for n, texts in traffic.items() for text in texts[:prompts]]
    _lines(folder / TRAFFIC, rows)
    brief = {
        "name": "retention",
        "version": "1",
        "owner": "bench/retention.py",
        "summary": f"{target.what}; everything else must survive.",
        "training": _training(folder, learnt, target),
        "capabilities": [_intent(folder, tuning, testing, target), *adjacent],
    }
    path = folder / "brief.yaml"
    path.write_text(yaml.safe_dump(brief, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path


def choices(count: int) -> dict[str, tuple[Choice, ...]]:
    """ARC-Easy and PIQA, at most `count` items each."""
    arc = [
        _choice(f"{r['query']}\nAnswer:", r["choices"], r["gold"])
        for r in _rows(DATA / "arc" / "arc_easy.jsonl")
    ]
    labels = (DATA / "piqa" / "valid-labels.lst").read_text(encoding="utf-8").split()
    lines = (DATA / "piqa" / "valid.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [{**json.loads(line), "gold": int(gold)} for line, gold in zip(lines, labels, strict=True)]
    random.Random(0).shuffle(rows)
    piqa = [_choice(f"Question: {r['goal']}\nAnswer:", [r["sol1"], r["sol2"]], r["gold"]) for r in rows]
    return {"arc_easy": tuple(arc[:count]), "piqa": tuple(piqa[:count])}


def _training(folder: Path, count: int, target: Target) -> str:
    """Write `count` of the target's training messages as dialogues, spread evenly over the intents."""
    by_intent = defaultdict(list)
    for message in target.messages("train"):
        by_intent[message.intent].append(message)
    in_turn = [m for row in zip_longest(*by_intent.values()) for m in row if m is not None][:count]
    rows = [
        {"messages": [{"role": "user", "content": m.asked}, {"role": "assistant", "content": m.intent}]}
        for m in in_turn
    ]
    return _lines(folder / "train.jsonl", rows)


def _intent(folder: Path, tuning: int, testing: int, target: Target) -> dict[str, Any]:
    parts: tuple[tuple[str, Part, int], ...] = (
        ("tuning", "tune", 3 * tuning),
        ("audit", "test", 3 * testing),
    )
    rows = [
        {"id": f"intent-{split}-{n}", "prompt": m.asked, "reference": m.intent, "split": split}
        for split, part, most in parts
        for n, m in enumerate(target.messages(part)[:most])
    ]
    learnt = target.messages("train")
    intents = sorted({m.intent for m in learnt})
    return {
        "name": "intent",
        "role": "target",
        "why": "Messages are routed by it.",
        "share": 0.5,
        "at_5_percent_loss": "One message in twenty waits at the wrong desk.",
        "at_15_percent_loss": "Desks forward more than they answer.",
        "threshold": 0.05,
        "items": _lines(folder / "items" / "intent.jsonl", rows),
        "exemplars": [m.asked for m in learnt[:20]],
        "judge": {"verifier": "label", "options": {"labels": intents}},
        "max_tokens": 12,
    }


def _prompts(loaded: LoadedBrief) -> set[str]:
    """Every prompt of a brief, normalised."""
    names = [capability.name for capability in loaded.brief.capabilities]
    items = [i.prompt for name in names for s in ("audit", "traffic") for i in loaded.items_of(name, s)]
    exemplars = [text for capability in loaded.brief.capabilities for text in capability.exemplars]
    return {normalised_prompt(text) for text in (*items, *exemplars)}


def _wikidata(
    folder: Path, tuning: int, testing: int, traffic: dict[str, list[str]], known: set[str]
) -> dict[str, Any]:
    """Facts that no other capability asks. Base knows one in six: twice the items of other capabilities are asked."""
    file = DATA / "world_knowledge_gen" / "bigbench_qa_wikidata.even3000.jsonl"
    found = {f"Complete the sentence: {row['context']}": row["continuation"] for row in _rows(file)}
    rows = [(prompt, answer) for prompt, answer in found.items() if normalised_prompt(prompt) not in known]
    asked, rest, exemplars = rows[: tuning + 2 * testing], rows[-140:-40], rows[-40:]
    items = [
        {
            "id": f"wikidata-{number}",
            "prompt": prompt,
            "reference": answer,
            "split": "tuning" if number < tuning else "audit",
        }
        for number, (prompt, answer) in enumerate(asked)
    ]
    traffic["wikidata"] = [prompt for prompt, _ in rest]
    return {
        "name": "wikidata",
        "why": "Facts about people and places.",
        "at_5_percent_loss": "Somebody looks a fact up.",
        "at_15_percent_loss": "Nobody asks any more.",
        "threshold": 0.08,
        "items": _lines(folder / "items" / "wikidata.jsonl", items),
        "exemplars": [prompt for prompt, _ in exemplars],
        "judge": {"verifier": "contains_answer", "options": {"max_words": 30}},
        "max_tokens": 24,
    }


def _lines(path: Path, rows: Sequence[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path.relative_to(path.parents[1] if path.parent.name == "items" else path.parent))


def _rows(file: Path) -> list[dict[str, Any]]:
    """The file's lines in a random order that is always the same."""
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    random.Random(0).shuffle(rows)
    return rows


def _choice(prompt: str, choices: Sequence[str], gold: int) -> Choice:
    return Choice(prompt, tuple(f" {choice.strip()}" for choice in choices), gold)
