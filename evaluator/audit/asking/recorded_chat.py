"""A chat that keeps every answer as it arrives: whoever is killed loses only what was in flight.

This is the cache of what models said, below the cache of what it was worth (`answering`): where only a judge, a
reference or a threshold has changed, answers are judged anew without asking any model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from evaluator.audit.asking.answer_cache import AnswerCache, key_of
from evaluator.audit.asking.answering import Conditions
from evaluator.audit.measures.measure import Chat
from telemetry.events import Message

AskEach = Callable[[Sequence[Sequence[Message]], int, Callable[[int, str], None]], Sequence[str]]
"""As `Chat`, with a third argument that is called with (index, answer) as soon as each answer is there."""


def recorded_chat(ask: AskEach, conditions: Conditions, cache: AnswerCache) -> Chat:
    """`ask`, without the conversations that `cache` has an answer to under these conditions."""

    def chat(turns: Sequence[Sequence[Message]], max_tokens: int) -> Sequence[str]:
        keys = [
            key_of(
                **conditions.model_dump(),
                messages=[message.model_dump() for message in conversation],
                max_tokens=max_tokens,
            )
            for conversation in turns
        ]
        known = {key: text for key, text in cache.get(keys).items() if isinstance(text, str)}
        missing = [index for index, key in enumerate(keys) if key not in known]
        if missing:
            fresh = ask(
                [turns[index] for index in missing],
                max_tokens,
                lambda place, text: cache.put({keys[missing[place]]: text}),
            )
            known |= {keys[index]: text for index, text in zip(missing, fresh, strict=True)}
        return [known[key] for key in keys]

    return chat
