"""Every item of some measures, asked of one model: what a baseline takes. A judge that fails ends it, soon or late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from evaluator.audit.asking.answering import Answers
from evaluator.audit.measures.answers import ItemAnswer, Progress, silent
from evaluator.audit.measures.judged import ItemsUnjudged
from evaluator.audit.measures.measure import Measure
from evaluator.judge.judges.failed import JudgeFailed, Lost, summed

AT_ONCE: Final = 64
"""Items asked by one call: what a process that dies loses at most, where a measure keeps nothing by itself."""


def ask_everything(
    model: Answers, measures: Sequence[Measure], progress: Progress = silent, *, at_once: int = AT_ONCE
) -> tuple[tuple[ItemAnswer, ...], ...]:
    """The model's answers to every item, by measure.

    Raises JudgeFailed where an item could not be judged: at once where its judge is given up, else when all the others
    were asked, so that they are known next time. Raises EngineFailed.
    """
    total, done = sum(len(measure.items) for measure in measures), 0
    found: list[tuple[ItemAnswer, ...]] = []
    missing: list[Lost] = []
    for measure in measures:
        ids, answers, lost = [item.id for item in measure.items], list[ItemAnswer](), list[Lost]()
        for start in range(0, len(ids), at_once):
            progress(done, total, f"{measure.capability}/{measure.name}")
            chunk = ids[start : start + at_once]
            try:
                answers += model.answers(measure, chunk)
            except ItemsUnjudged as failed:
                lost += failed.lost
                if failed.given_up:
                    raise JudgeFailed([*missing, *_of_all(lost, start + len(chunk))]) from failed
            done += len(chunk)
        missing += _of_all(lost, len(ids))
        found.append(tuple(answers))
    progress(done, total, "")
    if missing:
        raise JudgeFailed(missing)
    return tuple(found)


def _of_all(lost: Sequence[Lost], asked: int) -> list[Lost]:
    """What was lost of one measure, beside all that was asked of it: chunks that lost nothing count too."""
    return [replace(one, asked=asked) for one in summed(lost)]
