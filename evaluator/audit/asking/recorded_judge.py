"""A judging model whose replies are kept as they arrive, so that a comparison that was cut short asks the rest alone.

Only for a run that goes on where it ended: a judge's reply may differ from one day to the next.
"""

from __future__ import annotations

from collections.abc import Sequence

from evaluator.audit.asking.answer_cache import AnswerCache, key_of
from evaluator.judge.judges.client import Asks, Reply
from telemetry.events import Message


class RecordedJudge:
    """`judge`, without the conversations that `cache` has a reply to. What it failed to say is not kept."""

    def __init__(self, judge: Asks, name: str, cache: AnswerCache) -> None:
        self._judge, self._name, self._cache = judge, name, cache

    def ask(self, conversation: Sequence[Message], max_tokens: int, *, nonce: str = "") -> Reply:
        """The judge's reply, now or before.

        The nonce of a conversation is another one in each process: it is no part of what a reply is known by, and a
        reply that carries an old one is given back with the present one.
        """
        said = [[message.role, _renamed(message.content, nonce, "")] for message in conversation]
        key = key_of(judge=self._name, messages=said, max_tokens=max_tokens)
        known = self._cache.get([key]).get(key)
        if isinstance(known, dict):
            text, why = known.get("text"), str(known.get("why", ""))
            old = str(known.get("nonce", ""))
            return Reply(
                None if text is None else _renamed(text, old, nonce), why=why, code=known.get("code")
            )
        reply = self._judge.ask(conversation, max_tokens, nonce=nonce)
        if reply.failure is None:
            self._cache.put({key: {"text": reply.text, "why": reply.why, "code": reply.code, "nonce": nonce}})
        return reply


def _renamed(text: str, old: str, new: str) -> str:
    return text.replace(old, new) if old else text
