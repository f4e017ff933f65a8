"""The sets of the audit's benchmark: where their data lie, how they become lm-eval tasks, and what is tolerated.

The data are other people's and are not in this repository: they are looked for in `../shared/data` beside the
checkout and converted at run time into a folder of the cache, together with the task files of `tasks/`.
Thresholds were set before any score was seen: 2 points, the product's default for benchmarks, and for the two sets
of under 650 items 3 points, since a full paired run on so few cannot tell 2 (an unchanged candidate of which 1% of
the answers is lost and 1% gained passes with 90% power at alpha 1% from 3.61^2 * .02 / threshold^2 items on).
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
TASKS: Final = Path(__file__).parent / "tasks"
Doc = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TestSet:
    """One set. `source` is below the data folder; `threshold` is the largest drop tolerated, on [0, 1]."""

    name: str
    source: str
    convert: Callable[[Path], Iterator[Doc]]
    threshold: float
    metric: str
    chat_template: bool = False

    @property
    def task(self) -> str:
        """The task's name in its file."""
        return f"local_{self.name}"


def data_folder() -> Path | None:
    """Where the data sets lie, or None."""
    found = Path(os.environ.get("BELAY_BENCH_DATA", ROOT.parent / "shared" / "data"))
    return found if found.is_dir() else None


def cache_folder() -> Path:
    """Where the benchmark keeps what it converts and records: outside the repository."""
    return Path(os.environ.get("BELAY_BENCH_CACHE", Path.home() / ".cache" / "belay-bench")) / "audit"


def prepare(sets: Sequence[TestSet], data: Path, folder: Path) -> None:
    """Write the task files and the converted data of `sets` into `folder`; what is there already is written anew."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in _task_files():
        shutil.copyfile(file, folder / file.name)
    for one in sets:
        (folder / f"{one.name}.jsonl").write_bytes(_converted(one, data))


def fingerprint(one: TestSet, data: Path) -> str:
    """The hash of all that a set's answers are scored from: its task file, the scoring functions, its documents."""
    digest = hashlib.sha256(one.metric.encode())
    for file in _task_files():
        if file.stem == one.name or file.suffix == ".py":
            digest.update(file.read_bytes())
    digest.update(_converted(one, data))
    return digest.hexdigest()


def _task_files() -> list[Path]:
    return sorted(f for f in TASKS.iterdir() if f.suffix in {".yaml", ".py"})


def _converted(one: TestSet, data: Path) -> bytes:
    docs = one.convert(data / one.source)
    return "".join(json.dumps(doc, ensure_ascii=False) + "\n" for doc in docs).encode()


def _lines(file: Path) -> Iterator[Doc]:
    with file.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines if line.strip())


def _arc(file: Path) -> Iterator[Doc]:
    for doc in _lines(file):
        question = doc["query"].removeprefix("Question: ")
        yield {"question": question, "choices": doc["choices"], "gold": doc["gold"]}


def _piqa(file: Path) -> Iterator[Doc]:
    labels = file.with_name("valid-labels.lst").read_text(encoding="utf-8").split()
    for doc, label in zip(_lines(file), labels, strict=True):
        yield {"goal": doc["goal"], "choices": [doc["sol1"], doc["sol2"]], "gold": int(label)}


def _openbookqa(file: Path) -> Iterator[Doc]:
    for doc in _lines(file):
        yield {"question": doc["query"], "choices": doc["choices"], "gold": doc["gold"]}


def _continuation(shots: int) -> Callable[[Path], Iterator[Doc]]:
    """A text and how it goes on, after `shots` solved examples: the set's first ones, which are asked of nobody."""

    def convert(file: Path) -> Iterator[Doc]:
        docs = list(_lines(file))
        solved = "".join(f"{d['context']} {d['continuation'].strip()}\n" for d in docs[:shots])
        for doc in docs[shots:]:
            yield {"context": solved + doc["context"], "continuation": " " + doc["continuation"].strip()}

    return convert


def _qed(file: Path) -> Iterator[Doc]:
    """Items with a short answer, and a passage that fits well into the engine's context."""
    for doc in _lines(file):
        answers = sorted({span["string"].strip() for spans in doc["original_nq_answers"] for span in spans})
        if answers and len(doc["paragraph_text"].split()) <= 300:
            yield {
                "passage": doc["paragraph_text"],
                "question": doc["question_text"].strip().rstrip("?"),
                "answers": answers,
            }


_NO_CHECK: Final = frozenset(
    {
        "language:response_language",
        "length_constraints:number_sentences",
        "change_case:capital_word_frequency",
    }
)


def _ifeval(file: Path) -> Iterator[Doc]:
    for doc in _lines(file):
        names = doc["instruction_id_list"]
        if not _NO_CHECK.intersection(names):
            checks = list(zip(names, doc["kwargs"], strict=True))
            yield {"prompt": doc["prompt"], "checks": json.dumps(checks)}


MMLU_LONG: Final = frozenset(
    {
        "high_school_european_history",
        "high_school_us_history",
        "high_school_world_history",
        "professional_law",
        "professional_medicine",
    }
)
"""Subjects whose prompts have more than 100 tokens on average: a sixth of the items, half of the time."""


def _mmlu(folder: Path) -> Iterator[Doc]:
    for table in sorted(folder.glob("*_test.csv")):
        subject = table.name.removesuffix("_test.csv")
        if subject in MMLU_LONG:
            continue
        with table.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                yield {
                    "subject": subject,
                    "question": row["question"].strip(),
                    "choices": [row[f"choice{i}"] for i in range(4)],
                    "gold": int(row["answer"]),
                }


_WIKIDATA: Final = "world_knowledge_gen/bigbench_qa_wikidata.even3000.jsonl"
_SUMS: Final = "arithmetic/simple_arithmetic_withspaces.jsonl"

SETS: Final = (
    TestSet("arc_easy", "arc/arc_easy.jsonl", _arc, 0.02, "acc_norm"),
    TestSet("piqa", "piqa/valid.jsonl", _piqa, 0.02, "acc_norm"),
    TestSet("openbookqa", "commonsense_mc/openbook_qa.jsonl", _openbookqa, 0.03, "acc_norm"),
    TestSet("simple_arithmetic", _SUMS, _continuation(5), 0.02, "acc"),
    TestSet("qa_wikidata", _WIKIDATA, _continuation(3), 0.02, "acc"),
    TestSet("qed", "qed_dev/qed-dev.even700.jsonlines", _qed, 0.02, "acc"),
    TestSet(
        "ifeval", "ifeval/input_data.jsonl", _ifeval, 0.03, "prompt_level_strict_acc", chat_template=True
    ),
    TestSet("mmlu", "mmlu/test", _mmlu, 0.02, "acc_norm"),
)
