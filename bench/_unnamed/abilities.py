"""What bench/unnamed.py asks: abilities without any rehearsed prompt, in three rings around what a brief names.

Reworded: capabilities that the brief names, asked as `examples/support/traffic.py` words them, which shares no run of
six words with the brief. Neighbours: other formats and lengths (IFEval's instructions, questions about long passages,
yes or no, categories). The rest: general knowledge and sums in words, and open requests that have no right answer, of
which only the distance from base is measured. All but the reworded ones are public sets of other people.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from _retention.data import DATA, ROOT

from evaluator.verifiers import VERIFIERS
from telemetry.events import Message

Kind = TypeVar("Kind")
Ring = Literal["reworded", "neighbours", "rest"]
NOT_NAMED: Final = ("support_reply",)  # of traffic.py, which is the demo's target
_LONGEST: Final = 220  # words of a passage


@dataclass(frozen=True, slots=True)
class Question:
    """One request, how long its answer may be, and what tells whether the answer is right (0 to 1)."""

    turns: tuple[Message, ...]
    max_tokens: int
    right: Callable[[str], float]
    gold: str | None = None


@dataclass(frozen=True, slots=True)
class Ability:
    """Something that base may be able to do. `chance` is the score of whoever knows nothing."""

    name: str
    ring: Ring
    questions: tuple[Question, ...]
    chance: float = 0.0


def abilities(each: int, folder: Path) -> tuple[Ability, ...]:
    """All of them, `each` questions an ability; what is made for it lies in `folder`."""
    made: tuple[tuple[str, Ring, float, Iterator[Question]], ...] = (
        ("ifeval", "neighbours", 0.0, _ifeval()),
        ("passages", "neighbours", 0.0, _passages()),
        ("yes_or_no", "neighbours", 0.5, _yes_or_no()),
        ("categories", "neighbours", 1 / 14, _categories()),
        ("trivia", "rest", 0.0, _trivia()),
        ("sums_in_words", "rest", 0.0, _sums()),
    )
    others = tuple(Ability(name, ring, _some(found, each), chance) for name, ring, chance, found in made)
    return (*_reworded(each, folder), *others)


def open_requests(each: int) -> dict[str, tuple[tuple[Message, ...], ...]]:
    """Requests without a right answer, `each` of every source: what is measured is how far from base an answer is."""
    sources = {
        "self_instruct": _self_instruct(),
        "dolly": _dolly(),
        "several_turns": _several_turns(),
        "instructions": (question.turns for question in _ifeval()),
    }
    return {name: _some(found, each) for name, found in sources.items()}


def _reworded(each: int, folder: Path) -> Iterator[Ability]:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "reworded.jsonl"
    writer = str(ROOT / "examples" / "support" / "traffic.py")
    sent = ["--count", str(60 * each), "--seed", "21", "--out", str(file)]
    subprocess.run([sys.executable, writer, *sent], check=True, stdout=subprocess.DEVNULL)
    found: dict[str, list[Question]] = {}
    for row in _rows(file):
        truth = row["truth"]
        if truth["capability"] is None or truth["capability"] in NOT_NAMED:
            continue
        turns = tuple(Message.model_validate(turn) for turn in row["messages"])
        right = _by_verifier(truth, turns[-1].content)
        found.setdefault(truth["capability"], []).append(Question(turns, row["max_tokens"], right))
    for name in sorted(found):
        chance = 0.5 if name == "sentiment" else 0.0
        yield Ability(f"reworded_{name}", "reworded", _some(found[name], each), chance)


def _by_verifier(truth: dict[str, Any], prompt: Any) -> Callable[[str], float]:
    verifier = VERIFIERS[truth["verifier"]]
    return lambda answer: verifier(answer, truth["reference"], prompt, truth["options"]).value or 0.0


def _ifeval() -> Iterator[Question]:
    """Instructions that a program can check: right where all of a prompt's are followed, as IFEval's strict score."""
    for row in _rows(DATA / "ifeval" / "input_data.jsonl"):
        names, arguments = row["instruction_id_list"], row["kwargs"]
        words = [given.get("num_words") or 0 for given in arguments]
        if not _NEEDS_DATA.intersection(names) and max(words) <= 100:
            yield _question(row["prompt"], 160, _followed(names, arguments, row["prompt"]))


_NEEDS_DATA: Final = frozenset(  # of nltk or langdetect, which nobody downloads here
    {
        "language:response_language",
        "length_constraints:number_sentences",
        "change_case:capital_word_frequency",
    }
    | {"length_constraints:number_paragraphs", "length_constraints:nth_paragraph_first_word"}
)


def _followed(names: Sequence[str], given: Sequence[dict[str, Any]], prompt: str) -> Callable[[str], float]:
    known = import_module("lm_eval.tasks.ifeval.instructions_registry").INSTRUCTION_DICT

    def right(answer: str) -> float:
        for name, arguments in zip(names, given, strict=True):
            check = known[name](name)
            check.build_description(**{key: value for key, value in arguments.items() if value is not None})
            if "prompt" in (check.get_instruction_args() or {}):
                check.build_description(prompt=prompt)
            if not answer.strip() or not check.check_following(answer):
                return 0.0
        return 1.0

    return right


def _passages() -> Iterator[Question]:
    """Natural Questions with their paragraphs, as QED has them: the answer stands in the text."""
    for row in _rows(DATA / "qed_dev" / "qed-dev.even700.jsonlines"):
        answers = sorted({span["string"].strip() for spans in row["original_nq_answers"] for span in spans})
        if answers and len(row["paragraph_text"].split()) <= _LONGEST:
            question = row["question_text"].strip().rstrip("?")
            asked = f"{row['paragraph_text']}\n\nAnswer from the text above: {question}?"
            yield _question(asked, 32, _contains(answers), answers[0])


def _yes_or_no() -> Iterator[Question]:
    for row in _rows(DATA / "boolq" / "boolq.even1500.jsonl"):
        if len(row["query"].split()) <= _LONGEST:
            gold = row["choices"][row["gold"]].strip().lower()
            asked = re.sub(r"\s*Answer:\s*$", "", row["query"]) + "\nAnswer yes or no."
            yield _question(asked, 6, _begins_with(gold), gold.capitalize())


def _categories() -> Iterator[Question]:
    """Articles of DBpedia among fourteen categories, as P3 asks for them."""
    for row in _rows(DATA / "p3_subset" / "dbpedia_14_given_a_choice_of_categories_.jsonl"):
        gold = row["completion"].removesuffix("<|endoftext|>").strip()
        yield _question(row["prompt"].strip(), 12, _contains([gold]), gold)


def _trivia() -> Iterator[Question]:
    for row in _rows(DATA / "world_knowledge_gen" / "triviaqa_sm_sub.even1500.jsonl"):
        asked = row["context"].removeprefix("Question:").removesuffix("Answer:").strip()
        yield _question(asked, 24, _contains([row["answer"], *row["aliases"]]), row["answer"])


def _sums() -> Iterator[Question]:
    for row in _rows(DATA / "arithmetic" / "svamp.jsonl"):
        right = _by_verifier(
            {"verifier": "number", "reference": row["answer"], "options": {}}, row["context"]
        )
        yield _question(row["context"], 64, right, row["answer"])


def _self_instruct() -> Iterator[tuple[Message, ...]]:
    for row in _rows(DATA / "self_instruct" / "user_oriented_instructions.jsonl"):
        given = row["instances"][0]["input"].strip()
        yield _user(row["instruction"].strip() + (f"\n\n{given}" if given else ""))


def _dolly() -> Iterator[tuple[Message, ...]]:
    for row in _rows(DATA / "dolly_hhrlhf_small" / "dolly_hhrlhf_train_small.jsonl"):
        yield _user(row["prompt"].split("### Instruction:\n")[1].split("\n\n### Response:")[0].strip())


def _several_turns() -> Iterator[tuple[Message, ...]]:
    """MT-Bench's second turns after GPT-4's answer to the first, where that is short enough."""
    answers = {
        row["question_id"]: row["choices"][0]["turns"][0]
        for row in _rows(DATA / "mt_bench" / "reference_answer_gpt-4.jsonl")
    }
    for row in _rows(DATA / "mt_bench" / "question.jsonl"):
        answer = answers.get(row["question_id"])
        if answer is not None and len(answer.split()) <= _LONGEST:
            first, second = row["turns"]
            yield (*_user(first), Message(role="assistant", content=answer), *_user(second))


def _question(
    asked: str, max_tokens: int, right: Callable[[str], float], gold: str | None = None
) -> Question:
    return Question(_user(asked), max_tokens, right, gold)


def _user(text: str) -> tuple[Message, ...]:
    return (Message(role="user", content=text),)


def _contains(answers: Sequence[str]) -> Callable[[str], float]:
    wanted = [_plain(answer) for answer in answers if _plain(answer)]
    return lambda answer: float(any(f" {one} " in f" {_plain(answer)} " for one in wanted))


def _begins_with(word: str) -> Callable[[str], float]:
    return lambda answer: float(_plain(answer).split(" ")[0] == word)


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def _some(found: Iterator[Kind] | Sequence[Kind], most: int) -> tuple[Kind, ...]:
    """At most so many, in a random order that is always the same."""
    chosen = list(found)
    random.Random(21).shuffle(chosen)
    return tuple(chosen[:most])


def _rows(file: Path) -> list[Any]:
    with file.open(encoding="utf-8") as lines:  # str.splitlines() would also break at U+2028
        return [json.loads(line) for line in lines if line.strip()]
