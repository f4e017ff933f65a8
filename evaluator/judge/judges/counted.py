"""How often a judging model was asked, how that went, how long it took and how many tokens: for whoever watches it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from evaluator.judge.judges.client import NO_KEYS, JudgeClient, Reply
from telemetry.buckets import Buckets
from telemetry.events import Message, TokenPrice

ANSWERED: Final = "answered"


class Asked:
    """Questions to one model, by how they ended: `answered`, or the code of why there is no text. Thread-safe.

    `seconds` is how long each took, waiting for another attempt included. `prompt_tokens` and `completion_tokens` are
    those of the `metered` replies, whose server said how many; of the `unmetered` nobody knows.
    `price` is what a million of them cost, where somebody said so.
    """

    def __init__(self) -> None:
        self.ended: Counter[str] = Counter()
        self.seconds = Buckets()
        self.metered = self.unmetered = 0
        self.prompt_tokens = self.completion_tokens = 0
        self.price: TokenPrice | None = None
        self._lock = threading.Lock()

    def count(self, reply: Reply, seconds: float) -> None:
        """Count a question that took so long."""
        with self._lock:
            self.ended[reply.code or ("refuses_schema" if reply.refuses_schema else ANSWERED)] += 1
            self.seconds.see(seconds)
            if reply.usage is not None:
                self.metered += 1
                self.prompt_tokens += reply.usage.prompt
                self.completion_tokens += reply.usage.completion
            elif reply.came:
                self.unmetered += 1


class CountedClient(JudgeClient):
    """A client that counts what it is asked."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.asked = Asked()

    def ask(
        self,
        conversation: Sequence[Message],
        max_tokens: int,
        *,
        nonce: str = "",
        schema: Mapping[str, Any] | None = None,
        keys: Mapping[str, Any] = NO_KEYS,
    ) -> Reply:
        """As a client that counts nothing."""
        began = time.monotonic()
        reply = super().ask(conversation, max_tokens, nonce=nonce, schema=schema, keys=keys)
        self.asked.count(reply, time.monotonic() - began)
        return reply
