"""Base and candidate answer in this process; what base answered once is not asked again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from evaluator.answer_cache import AnswerCache, key_of
from serving.progress import Report, silent
from telemetry.events import Message
from trainer.generate import generate
from trainer.suite import Answering, Question


def in_process(model: Any, tokenizer: Any, system_prompt: str | None, report: Report = silent) -> Answering:
    """How `model` is asked as it stands, an adapter included, in the words in which the audit asks."""

    def ask(questions: Sequence[Question]) -> list[str]:
        turns = [_turns(question.prompt, system_prompt) for question in questions]
        limits = [question.max_tokens for question in questions]
        return generate(model, tokenizer, turns, limits, progress=report)

    return ask


def remembered(
    base: Callable[[], Answering], file: Path, base_sha256: str, dtype: str, system_prompt: str | None
) -> Answering:
    """Base's answers, from `file` where they are known; `base` is made only where some are not."""

    def ask(questions: Sequence[Question]) -> list[str]:
        keys = [
            key_of(
                base_sha256=base_sha256,
                dtype=dtype,
                torch=torch.__version__,
                system_prompt=system_prompt,
                prompt=question.prompt,
                max_tokens=question.max_tokens,
            )
            for question in questions
        ]
        with AnswerCache(file) as cache:
            known = cache.get(keys)
            missing = [(k, q) for k, q in zip(keys, questions, strict=True) if k not in known]
            if missing:
                fresh = base()([question for _, question in missing])
                cache.put(dict(zip([key for key, _ in missing], fresh, strict=True)))
                known = cache.get(keys)
        return [str(known[key]) for key in keys]

    return ask


def _turns(prompt: str, system_prompt: str | None) -> list[Message]:
    system = [Message(role="system", content=system_prompt)] if system_prompt else []
    return [*system, Message(role="user", content=prompt)]
