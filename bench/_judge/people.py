"""A judge beside people: which of two answers is better, on LLMBar and on other sets that people labelled.

LLMBar (Zeng et al. 2024) is 419 pairs, of which the adversarial ones have a worse answer that looks better; its authors
also processed 200 pairs of MT-Bench, 200 of LLMEval^2 and 66 of FairEval. No pair is a tie for people. A tie counts for
half an agreement, so that a coin has .5.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from _shape import Figure, Result

from _judge.endpoint import Judging
from evaluator.judge.judges.pairwise import PairJudgement

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "llmbar"
SETS = {
    "llmbar_natural": ("LLMBar/Natural",),
    "llmbar_adversarial": tuple(
        f"LLMBar/Adversarial/{one}" for one in ("Neighbor", "GPTInst", "GPTOut", "Manual")
    ),
    "mt_bench": ("Processed/MT-Bench",),
    "llm_eval": ("Processed/LLMEval^2",),
    "fair_eval": ("Processed/FairEval",),
}
RUBRIC = "It does what the question asks, precisely and honestly."


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers to one question, and which of them people found better."""

    question: str
    first: str
    second: str
    first_is_better: bool


def people(result: Result, judging: Judging) -> None:
    """Agreement with people in both orders, set by set, and how often the verdict went with the places."""
    if not DATA.is_dir():
        result.miss("agreement_with_people", f"no data at {DATA}")
        return
    inconsistent = asked = unjudged = 0
    for name, folders in SETS.items():
        pairs = [pair for folder in folders for pair in load(DATA / folder / "dataset.json")]
        pairs = pairs[:: 4 if result.quick else 1]
        judge = judging.pairs(RUBRIC)
        with ThreadPoolExecutor(judging.at_once) as threads:
            found = list(
                threads.map(lambda pair, by=judge: by.judge(pair.question, pair.first, pair.second), pairs)
            )
        inconsistent += sum(one.inconsistent for one in found)
        unjudged += sum(one.verdict is None for one in found)
        asked += len(found)
        result.add(
            Figure(
                f"agreement_{name}",
                agreement(pairs, found),
                "fraction",
                agreement(pairs, found),
                sum(map(_longer, pairs)) / len(pairs),
                None,
                "higher",
                f"judge: {judging.name}; {len(pairs)} pairs, each in both orders, a tie counts half (a coin has .5); "
                f"{sum(one.verdict == 'tie' for one in found)} ties; theirs: the longer answer is the better one",
            )
        )
    result.add(
        Figure(
            "position_inconsistent",
            inconsistent / asked,
            "fraction",
            inconsistent / asked,
            None,
            None,
            "lower",
            f"judge: {judging.name}; pairs whose verdict changed with the places, of {asked}; they count as ties. "
            f"{unjudged} without a verdict",
        )
    )


def _longer(pair: Pair) -> float:
    """How far the rule that the longer answer is the better one agrees with people: 0, .5 or 1."""
    if len(pair.first) == len(pair.second):
        return 0.5
    return float((len(pair.first) > len(pair.second)) == pair.first_is_better)


def load(file: Path) -> list[Pair]:
    """The pairs of one set."""
    return [
        Pair(one["input"], one["output_1"], one["output_2"], one["label"] == 1)
        for one in json.loads(file.read_text(encoding="utf-8"))
    ]


def agreement(pairs: Sequence[Pair], found: Sequence[PairJudgement]) -> float:
    """The mean score of the answers that people found better, over what was judged: the first answer is control's."""
    scores = [
        one.control if pair.first_is_better else one.candidate for pair, one in zip(pairs, found, strict=True)
    ]
    known = [score for score in scores if score is not None]
    return sum(known) / len(known) if known else 0.0
