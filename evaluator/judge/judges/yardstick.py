"""Base's second answer to the same request: what `agreement` measures both arms by, so that chance is called no drop.

Where answers are sampled, base does not say twice the same. Measured by its own answer, base would agree with itself
wholly and an identical candidate would not. Measured by a second answer, both arms' answers are draws of the same kind:
of a candidate that is base, the two agreements have the same distribution whatever the noise, so that their mean gap is
0; and control's mean says how far base agrees with itself, which is the noise.

Which pairs are measured so is drawn by the interaction's id, before any answer is there; the others are not judged.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from evaluator.judge.judges.case import Case, conversation_of
from evaluator.judge.judges.client import JudgeClient, Reply
from evaluator.judge.judges.remembered import Remembered

REMEMBERED: Final = 1024
"""Requests whose second answer is known again: both arms' answers are measured by the same."""
MAX_TOKENS: Final = 1024
"""Of a second answer to a request that bounds none."""
_BOUNDS: Final = ("max_completion_tokens", "max_tokens")
_TAKEN: Final = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "presence_penalty",
    "frequency_penalty",
    "repetition_penalty",
    "stop",
)
"""Of the request's parameters, those that say how an answer is drawn; `seed` is not taken: it would draw the first
answer again."""
_DEFAULT: Final[Mapping[str, Any]] = MappingProxyType({"temperature": 1.0})
"""What an OpenAI API takes where the request says nothing."""


class SecondAnswers:
    """Asks base's engine the same once more. Thread-safe; an interaction's second answer is asked for once."""

    def __init__(self, client: JudgeClient) -> None:
        self._client = client
        self._known: Remembered[Reply] = Remembered(REMEMBERED, lambda reply: reply.failure is None)

    def to(self, case: Case) -> Reply:
        """Base's second answer to a case's request; never raises for what the engine does."""
        said = [[turn.role, turn.content] for turn in conversation_of(case)]
        key = hashlib.sha256(
            json.dumps([case.interaction, said, dict(case.parameters)], default=str).encode()
        )
        return self._known.of(key.hexdigest(), lambda: self._ask(case))

    def _ask(self, case: Case) -> Reply:
        return self._client.ask(
            conversation_of(case), max_tokens_of(case.parameters), keys=drawn_as(case.parameters)
        )


def drawn_as(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a second answer that is drawn as the first one was.

    >>> drawn_as({"temperature": 0.7, "seed": 3, "stream": True, "stop": None})
    {'temperature': 0.7}
    """
    given = {name: parameters[name] for name in _TAKEN if parameters.get(name) is not None}
    return {**_DEFAULT, **given}


def max_tokens_of(parameters: Mapping[str, Any]) -> int:
    """How long the first answer might get."""
    for name in _BOUNDS:
        bound = parameters.get(name)
        if isinstance(bound, int) and not isinstance(bound, bool) and bound > 0:
            return bound
    return MAX_TOKENS
