"""CLINC150: ten domains as capabilities, sixty exemplars each, and what belongs to none of them."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any, Final, NamedTuple

EXEMPLARS: Final = 60


class Clinc(NamedTuple):
    """Exemplars of each domain, questions with their domain, and questions of none."""

    exemplars: dict[str, list[str]]
    inside: list[tuple[str, str]]
    outside: list[str]


def clinc(data: Path, seed: int, most: int | None = None) -> Clinc:
    """Exemplars out of the training split by `seed`; questions are the test split, `most` of each kind."""
    folder = data / "clinc150"
    every: dict[str, Any] = json.loads((folder / "data_full.json").read_text(encoding="utf-8"))
    domains = json.loads((folder / "domains.json").read_text(encoding="utf-8"))
    of = {intent: domain for domain, intents in domains.items() for intent in intents}
    draw = random.Random(seed)
    pools: dict[str, list[str]] = {domain: [] for domain in domains}
    for text, intent in every["train"]:
        pools[of[intent]].append(text)
    exemplars = {domain: draw.sample(pool, EXEMPLARS) for domain, pool in pools.items()}
    inside = [(text, of[intent]) for text, intent in every["test"]]
    outside = [text for text, _ in every["oos_test"]]
    if most is not None:
        part = most / len(inside)
        inside, outside = draw.sample(inside, most), draw.sample(outside, round(part * len(outside)))
    return Clinc(exemplars, inside, outside)
