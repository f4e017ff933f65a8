"""Asks a model everything that bench/unnamed.py measures; importing this loads torch.

Of every ability: the share of right answers. Of open requests: KL(base || model) a token, on the first tokens of what
base itself answers. Of right answers that are known: by how many nats a token the model finds them less likely.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from torch.nn import functional

from _unnamed.abilities import Ability
from telemetry.events import Message
from trainer.data.encoding import IGNORED, Example, render
from trainer.methods.lora import load_base
from trainer.methods.modes import answering
from trainer.methods.objective import labelled_logits, tensors
from trainer.rehearsing.generate import generate

Scores = dict[str, list[float]]
_TOGETHER: Final = 32
_ANSWER: Final = 48  # tokens of base's answer on which the distance is measured


class Asker:
    """Asks base first, and then models beside it."""

    def __init__(
        self,
        base: Path,
        tokenizer: Any,
        abilities: Sequence[Ability],
        requests: Mapping[str, Sequence[tuple[Message, ...]]],
    ) -> None:
        self._tokenizer, self._abilities = tokenizer, abilities
        self._base = load_base(base, "bfloat16")
        self._padding = tokenizer.pad_token_id or 0
        turns = [(name, one) for name, found in requests.items() for one in found]
        said = generate(self._base, tokenizer, [one for _, one in turns], _ANSWER, batch_size=_TOGETHER)
        self._open: dict[str, list[Example]] = {}
        for (name, one), answer in zip(turns, said, strict=True):
            if answer.strip():
                self._open.setdefault(name, []).append(self._example(one, answer))
        self._gold = {
            ability.name: [self._example(q.turns, q.gold) for q in ability.questions if q.gold]
            for ability in abilities
        }

    def scores(self, model: Any) -> Scores:
        """Of every ability the scores of its questions, under `kl/NAME` and `nats/NAME` what the module says."""
        found = self._answered(model)
        with answering(model), answering(self._base):
            for name, examples in self._open.items():
                found[f"kl/{name}"] = self._divergences(model, examples)
            for name, examples in self._gold.items():
                if examples:
                    found[f"nats/{name}"] = self._less_likely(model, examples)
        return found

    def _answered(self, model: Any) -> Scores:
        asked = [(ability, question) for ability in self._abilities for question in ability.questions]
        answers = generate(
            model,
            self._tokenizer,
            [question.turns for _, question in asked],
            [question.max_tokens for _, question in asked],
            batch_size=_TOGETHER,
        )
        found: Scores = {}
        for (ability, question), answer in zip(asked, answers, strict=True):
            found.setdefault(ability.name, []).append(question.right(answer))
        return found

    def _divergences(self, model: Any, examples: Sequence[Example]) -> list[float]:
        """KL(base || model) a token of each example, nats."""
        found = []
        for batch, lengths in self._batches(examples):
            (base, _), (ours, _) = labelled_logits(self._base, batch), labelled_logits(model, batch)
            apart = functional.kl_div(
                ours.float().log_softmax(-1), base.float().log_softmax(-1), reduction="none", log_target=True
            ).sum(-1)
            found += [float(part.mean()) for part in apart.split(lengths)]
        return found

    def _less_likely(self, model: Any, examples: Sequence[Example]) -> list[float]:
        """Log p of base less log p of the model, a token of each right answer, nats."""
        found = []
        for batch, lengths in self._batches(examples):
            (base, wanted), (ours, _) = labelled_logits(self._base, batch), labelled_logits(model, batch)
            losses = [functional.cross_entropy(one.float(), wanted, reduction="none") for one in (ours, base)]
            found += [float(part.mean()) for part in (losses[0] - losses[1]).split(lengths)]
        return found

    def _batches(self, examples: Sequence[Example]) -> Any:
        for first in range(0, len(examples), _TOGETHER // 2):
            part = examples[first : first + _TOGETHER // 2]
            yield tensors(part, self._padding), [sum(x != IGNORED for x in one.labels[1:]) for one in part]

    def _example(self, turns: Sequence[Message], answer: str) -> Example:
        """The turns and the answer as tokens, of which the answer's count."""
        text = render(self._tokenizer, [turn.model_dump() for turn in turns], asks=True)
        before = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        tokens = self._tokenizer(answer, add_special_tokens=False)["input_ids"]
        return Example((*before, *tokens), (*[IGNORED] * len(before), *tokens))
