"""How far the model in training is from base on what it was trained for: KL(candidate || base) on the target's prompts.

Shenfeld, Pari and Agrawal 2025 (https://arxiv.org/abs/2509.04259) found that forgetting follows the KL divergence
between fine-tuned and base model on the new task's prompts. Theirs is KL(base || candidate); this one weighs by the
candidate, whose answers are at hand and are what users would read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from telemetry.events import Message
from trainer.data.encoding import IGNORED, Example
from trainer.methods.devices import onto
from trainer.methods.kl import divergence
from trainer.methods.modes import answering, as_base
from trainer.methods.objective import labelled_logits, tensors
from trainer.rehearsing.generate import answer_tokens

LONGEST: Final = 32
"""Tokens of an answer that are looked at."""
_AT_ONCE: Final = 8  # answers in a pass: two sets of their logits over the vocabulary lie in memory


@dataclass(frozen=True, slots=True)
class TargetKl:
    """What the candidate is asked, and how many tokens an answer may have."""

    conversations: tuple[tuple[Message, ...], ...]
    max_tokens: int
    tokenizer: Any

    @classmethod
    def about(
        cls, prompts: Sequence[str], system_prompt: str | None, max_tokens: int, tokenizer: Any
    ) -> TargetKl:
        """Of these prompts, asked as the audit asks, up to `LONGEST` tokens of each answer."""
        before = (Message(role="system", content=system_prompt),) if system_prompt else ()
        asked = tuple((*before, Message(role="user", content=prompt)) for prompt in prompts)
        return cls(asked, min(max_tokens, LONGEST), tokenizer)

    def of(self, model: Any) -> float:
        """The mean over all tokens of the candidate's greedy answers of KL(candidate || base) there, in nats.

        At each token, its end mark included, both distributions are over the whole vocabulary and follow the same
        words: sum_v q_v (log q_v - log p_v), with q the candidate's and p base's. Raises UsageError for a model without
        an adapter to switch off.
        """
        said = answer_tokens(model, self.tokenizer, self.conversations, self.max_tokens)
        examples = [
            Example(tokens=(*asked, *answer), labels=(*[IGNORED] * len(asked), *answer))
            for asked, answer in said
        ]
        total, tokens = 0.0, 0
        with answering(model):
            for first in range(0, len(examples), _AT_ONCE):
                batch = tensors(examples[first : first + _AT_ONCE], self.tokenizer.pad_token_id or 0)
                batch = onto(batch, model.device)
                candidate, _ = labelled_logits(model, batch)
                with as_base(model):
                    base, _ = labelled_logits(model, batch)
                total += divergence(candidate, base).item()
                tokens += len(base)
        return max(0.0, total / tokens)  # rounding may bring a divergence of nothing below 0
