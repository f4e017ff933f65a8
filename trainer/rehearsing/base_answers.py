"""Base and candidate answer in this process; what base answered once is not asked again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from evaluator.audit.asking.answer_cache import AnswerCache, key_of
from serving.progress import Report, silent
from telemetry.events import Message
from trainer.rehearsing.generate import Answer, answer, generate
from trainer.scoring.suite import Answering, Question

Asking = Callable[[Sequence[Sequence[Message]], int], Sequence[Answer]]
"""Asks one model conversations, each answer at most so many tokens long; its answers in their order, greedy."""

_AT_ONCE = 256  # conversations after which what was answered is kept


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


def asking(model: Any, tokenizer: Any, report: Report = silent) -> Asking:
    """How `model` is asked conversations as it stands."""

    def ask(conversations: Sequence[Sequence[Message]], max_new_tokens: int) -> list[Answer]:
        return answer(model, tokenizer, conversations, max_new_tokens, progress=report)

    return ask


def remembered_conversations(base: Callable[[], Asking], file: Path, base_sha256: str, dtype: str) -> Asking:
    """As `remembered`, for conversations."""

    def ask(conversations: Sequence[Sequence[Message]], max_new_tokens: int) -> list[Answer]:
        keys = [
            key_of(
                base_sha256=base_sha256,
                dtype=dtype,
                torch=torch.__version__,
                conversation=[message.model_dump() for message in conversation],
                max_new_tokens=max_new_tokens,
            )
            for conversation in conversations
        ]
        with AnswerCache(file) as cache:
            known = cache.get(keys)
            missing = {k: c for k, c in zip(keys, conversations, strict=True) if k not in known}
            listed = list(missing)
            for first in range(0, len(listed), _AT_ONCE):
                now = listed[first : first + _AT_ONCE]
                fresh = base()([missing[key] for key in now], max_new_tokens)
                cache.put({k: [a.text, a.tokens, a.ended] for k, a in zip(now, fresh, strict=True)})
            known = cache.get(keys)
        return [Answer(*known[key]) for key in keys]

    return ask


def _turns(prompt: str, system_prompt: str | None) -> list[Message]:
    system = [Message(role="system", content=system_prompt)] if system_prompt else []
    return [*system, Message(role="user", content=prompt)]
