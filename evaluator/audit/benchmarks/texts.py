"""Every text that a brief's benchmarks ask by and hope for, by item: what must not be trained on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evaluator.audit.mt_bench.data import load_questions
from evaluator.briefs.brief import LoadedBrief

Texts = Iterator[tuple[str, str]]
"""(item, text), those of one item one after another."""


def brief_texts(loaded: LoadedBrief, *, traffic: bool = True) -> Texts:
    """The brief's own items with their references, then its lm-eval tasks, then MT-Bench.

    Of a benchmark every item counts, whatever its `limit`: another seed would ask others. Few-shot examples do not.
    Without `traffic`, items of that split are left out: no audit asks them.
    """
    for capability, items in loaded.items.items():
        for item in items:
            if item.split == "traffic" and not traffic:
                continue
            for text in (item.prompt, *_strings(item.reference)):
                yield f"{capability}/{item.id}", text
    named = [entry for capability in loaded.brief.capabilities for entry in capability.benchmarks]
    include = loaded.folder / loaded.brief.lm_eval_tasks if loaded.brief.lm_eval_tasks else None
    for name in dict.fromkeys(entry.lm_eval for entry in named if entry.lm_eval is not None):
        yield from _lm_eval_texts(name, include)
    if loaded.brief.mt_bench_questions is not None and any(entry.mt_bench is not None for entry in named):
        yield from _mt_bench_texts(loaded.folder / loaded.brief.mt_bench_questions)


def _lm_eval_texts(name: str, include: Path | None) -> Texts:
    from evaluator.audit.benchmarks.lm_eval_measure import load_tasks  # noqa: PLC0415 - lm_eval takes seconds to import

    for task_name, task in load_tasks(name, include).items():
        for number, doc in enumerate(task.eval_docs):
            for text in _doc_texts(task, doc):
                yield f"{task_name}/{task_name}-{number:05d}", text


def _doc_texts(task: Any, doc: Any) -> Iterator[str]:
    """The question, the answer options where there are any, and the answer where it is a text."""
    yield from _strings(task.doc_to_text(doc))
    if task.get_config("doc_to_choice") is not None:
        yield from _strings(task.doc_to_choice(doc))
    yield from _strings(task.doc_to_target(doc))


def _mt_bench_texts(file: Path) -> Texts:
    for question in load_questions(file):
        for text in (*question.turns, *(question.reference or ())):
            yield f"mt_bench/{question.id}", text


def _strings(value: Any) -> Iterator[str]:
    """Every text within what JSON can hold; the keys of objects are none."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)
