"""Nine capabilities with exemplars from six public sets, asked about two others: MT-Bench and Vicuna's questions.

Which seed task of self-instruct belongs to which capability was decided by its name and instruction; those that fit
none are left out. Which category of a question belongs to which capability is in `CATEGORIES`, decided by its name
before any tag was seen: roleplay has no capability, so whatever is tagged there is wrong.
"""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PER_SOURCE: Final = 30

CATEGORIES: Final[dict[str, str | None]] = {
    "writing": "writing",
    "roleplay": None,
    "reasoning": "reasoning",
    "math": "maths",
    "coding": "coding",
    "extraction": "extraction",
    "stem": "knowledge",
    "humanities": "knowledge",
    "generic": "advice",
    "knowledge": "knowledge",
    "common-sense": "reasoning",
    "fermi": "reasoning",
    "counterfactual": "reasoning",
}

SEED_TASKS: Final[dict[str, tuple[int, ...]]] = {
    "maths": (21, 22, 25, 35, 45, 58, 83, 109, 110, 136, 144, 164),
    "coding": (28, 31, 37, 41, 50, 69, 72, 138, 139, 140, 141, 158),
    "reasoning": (1, 12, 15, 102, 130, 153, 155, 161),
    "extraction": (26, 39, 53, 67, 78, 85, 162, 170, 62, 64, 137),
    "writing": (8, 18, 20, 29, 47, 55, 59, 63, 74, 89, 97, 98, 100, 119, 124, 129),
    "knowledge": (7, 19, 48, 60, 82, 88, 95, 103, 107, 111, 143, 147),
    "advice": (0, 6, 9, 10, 16, 30, 34, 40, 52, 73, 80, 81, 116, 127, 131, 133),
}
P3: Final[dict[str, tuple[str, ...]]] = {
    "extraction": ("adversarial_qa", "quoref", "duorc", "wiki_bio"),
    "reasoning": ("commonsense_qa", "cosmos_qa", "quarel", "ropes", "social_i_qa", "quartz"),
    "knowledge": ("kilt_tasks_hotpotqa", "qasc_is_correct"),
}
ADOPTED: Final[dict[str, tuple[str, ...]]] = {
    "maths": ("maths",),
    "coding": ("coding", "data_and_sql"),
    "reasoning": ("logic_and_riddles", "estimates_and_what_ifs"),
    "extraction": ("extracting",),
    "writing": ("stories_and_poems", "letters_and_emails", "essays_and_posts"),
    "knowledge": ("science", "history", "philosophy_and_society", "explaining_texts_and_concepts"),
    "advice": (
        "feelings_and_relationships",
        "work_and_career",
        "instructions_how_to",
        "buying_and_comparing",
    ),
    "constraints": ("formats_and_constraints",),
    "support": ("shop_support",),
}
"""Topics of the shipped general prompts that whoever wrote such a brief would hand to its capabilities."""


def exemplars(data: Path, seed: int) -> dict[str, list[str]]:
    """Exemplars of the nine, `PER_SOURCE` of each source at most."""
    draw = random.Random(seed)
    found: dict[str, list[str]] = {
        "maths": _sample(draw, (row["question"] for row in _lines(data / "gsm8k" / "train.jsonl"))),
        "coding": _sample(draw, (row["prompt"] for row in _lines(data / "human_eval" / "human_eval.jsonl"))),
        "reasoning": [],
        "extraction": [],
        "writing": [],
        "knowledge": [],
        "advice": [],
        "constraints": _sample(
            draw, (row["prompt"] for row in _lines(data / "ifeval" / "input_data.jsonl")), 60
        ),
        "support": _sample(draw, _utterances(data), 60),
    }
    for name, sets in P3.items():
        files = sorted(file for one in sets for file in (data / "p3_subset").glob(f"{one}*.jsonl"))
        found[name] += _sample(draw, (row["prompt"] for file in files for row in _lines(file)))
    seeds = list(_lines(data / "self_instruct" / "seed_tasks.jsonl"))
    for name, numbers in SEED_TASKS.items():
        for number in numbers:
            given = seeds[number]["instances"][0]["input"]
            found[name].append(f"{seeds[number]['instruction']}\n{given}".strip())
    return found


def questions(data: Path) -> list[tuple[str, str | None]]:
    """First turns of both sets with the capability that their category belongs to."""
    files = [data / "mt_bench" / name for name in ("question.jsonl", "vicuna_bench_question.jsonl")]
    return [(row["turns"][0], CATEGORIES[row["category"]]) for file in files for row in _lines(file)]


def _utterances(data: Path) -> Iterator[str]:
    (file,) = (data / "bitext_intents").glob("*Training*.csv")
    with file.open(encoding="utf-8-sig", newline="") as rows:
        yield from (row["utterance"] for row in csv.DictReader(rows))


def _sample(draw: random.Random, texts: Iterator[str], count: int = PER_SOURCE) -> list[str]:
    return draw.sample(sorted(set(texts)), count)


def _lines(file: Path) -> Iterator[dict]:
    yield from (json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line)
