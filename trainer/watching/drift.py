"""Watches every layer while it is trained: gradients, updates, interference, drift from base.

The loop calls, in each step and in this order:

    watch.new_task(step)       once the new task's gradient lies in `.grad`, before anything is added to it
    watch.before_update()      once the whole gradient does, before it is clipped
    watch.after_update(step)   once the optimiser has moved the weights; returns the step's rows

Norms are logged in every step. The rest is measured in step 1 and in each step that `every` divides, on the probes: a
few short prompts, without a chat template, whose words would be most of the work. One pass gives both: the hidden
states, which are compared with base's, and the retention gradient, that of the cross entropy with the word which base
finds most likely after each word of the probes. Drift is thus that of the weights which the step began with.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch.nn import functional

from trainer.config import WatchingSettings
from trainer.methods.adapted import whole
from trainer.watching.watch_log import Row, Typical

PROBES: Final = (
    "The capital of France is Paris, and the capital of Italy is",
    "Seven plus five is twelve. Nine plus eight is",
    "To boil an egg, first bring water to the boil, then",
    "The opposite of hot is cold, and the opposite of early is",
)
"""What is asked where no capability brief gives prompts."""
LONGEST: Final = 16  # tokens of a probe: more would cost more than 3% of a step of short dialogues
_BLOCK = re.compile(
    r"^(?:.*?\.)?([A-Za-z_]+\.\d+)\."
)  # layers.12 in model.layers.12.mlp.up_proj.lora_A.weight
_PART = re.compile(r"\.(lora|osf)_|\.weight$|\.bias$")

Weight = torch.nn.Parameter
_NORMS: Final = ("gradient", "update")


@dataclass(frozen=True, slots=True)
class Probes:
    """The probes as a batch, (n, tokens) each; `mask` is 1 where there is a token."""

    tokens: torch.Tensor
    mask: torch.Tensor


def encode_probes(texts: Sequence[str], tokenizer: Any) -> Probes:
    """Tokens of the texts, each cut after `LONGEST`, padded on the right."""
    rows = [tokenizer(text, add_special_tokens=False)["input_ids"][:LONGEST] for text in texts]
    width = max(map(len, rows))
    padding = tokenizer.pad_token_id or 0
    return Probes(
        tokens=torch.tensor([row + [padding] * (width - len(row)) for row in rows]),
        mask=torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows]),
    )


def choose_probes(exemplars: Sequence[Sequence[str]], count: int) -> tuple[str, ...]:
    """`count` prompts, of each capability in turn its shortest one that is not taken; `PROBES` where there are none.

    >>> choose_probes([["what is the time", "who"], ["add 1 and 2"]], 2)
    ('who', 'add 1 and 2')
    """
    left = [sorted(set(prompts), key=lambda text: (len(text), text)) for prompts in exemplars]
    longest = max((len(prompts) for prompts in left), default=0)
    in_turn = [prompts[place] for place in range(longest) for prompts in left if place < len(prompts)]
    return tuple(in_turn or PROBES)[:count]


def layer_of(name: str) -> str:
    """The layer that a weight belongs to: its transformer block, else its module.

    >>> layer_of("base_model.model.model.layers.12.mlp.up_proj.lora_A.default.weight")
    'layers.12'
    >>> layer_of("base_model.model.lm_head.lora_B.default.weight")
    'lm_head'
    """
    block = _BLOCK.match(name)
    return block[1] if block else _PART.split(name)[0].rsplit(".", 1)[-1]


class Watch:
    """What is seen of each layer.

    Made from the model as the loop runs it (after `accelerator.prepare`), while it is still base: before a saved
    state is restored. `backward` is the accelerator's. `log` grows by the rows of each step.
    """

    def __init__(
        self, model: Any, settings: WatchingSettings, probes: Probes, backward: Callable[[torch.Tensor], None]
    ) -> None:
        self.log: list[Row] = []
        self._model, self._settings, self._backward = model, settings, backward
        named = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
        self._layers = [layer_of(name) for name, _ in named]
        self._weights = [weight for _, weight in named]
        self._before = [weight.detach().clone() for weight in self._weights]
        self._blocks = _blocks(model)
        device = self._weights[0].device
        self._probes = Probes(probes.tokens.to(device), probes.mask.to(device))
        self._real = self._probes.mask.bool()
        with torch.no_grad(), _evaluating(model):
            base = self._look()
        self._base, self._likely = base.hidden_states, base.logits.argmax(dim=-1)
        self._typical = {(layer, norm): Typical() for layer in self._layers for norm in _NORMS}
        self._gradients: dict[str, float] = {}
        self._interference: dict[str, float] = {}
        self._drift: dict[str, tuple[float, float]] = {}

    def due(self, step: int) -> bool:
        """Whether interference and drift are measured in step 1, 2, ..."""
        return step == 1 or step % self._settings.every == 0

    def restore(self, rows: Sequence[Row]) -> None:
        """Go on after `rows`, the log of the steps before."""
        self.log = list(rows)
        for row in rows:
            if (row.layer, "gradient") in self._typical:
                self._runs_away(row.layer, row.gradient_norm, row.update_norm)

    def new_task(self, step: int) -> None:
        """Where it is due, measure interference and drift. The gradients in `.grad` stay as they are."""
        if not self.due(step):
            return
        new = [weight.grad for weight in self._weights]
        with _gradients_aside(self._weights), _evaluating(self._model):
            seen = self._look()
            self._backward(
                functional.cross_entropy(seen.logits[self._real].float(), self._likely[self._real])
            )
            retention = [weight.grad for weight in self._weights]
        self._interference = cosines(self._layers, new, retention)
        for block, hidden, base in zip(self._blocks, seen.hidden_states[1:], self._base[1:], strict=True):
            self._drift[block] = drift_between(hidden.detach()[self._real], base[self._real])

    def before_update(self) -> None:
        """Measure the whole gradient, and keep the weights as they are."""
        zero = torch.zeros_like
        self._gradients = self._norms([w.grad if w.grad is not None else zero(w) for w in self._weights])
        torch._foreach_copy_(self._before, [weight.detach() for weight in self._weights])

    def after_update(self, step: int) -> list[Row]:
        """The step's rows, a layer each."""
        moved = torch._foreach_sub([weight.detach() for weight in self._weights], self._before)
        updates = self._norms(list(moved))
        rows = [self._row(step, layer, updates) for layer in dict.fromkeys([*updates, *self._drift])]
        self.log += rows
        self._interference, self._drift = {}, {}
        return rows

    def _row(self, step: int, layer: str, updates: dict[str, float]) -> Row:
        gradient, update = self._gradients.get(layer, 0.0), updates.get(layer, 0.0)
        cosine, l2 = self._drift.get(layer, (None, None))
        return Row(
            step=step,
            layer=layer,
            gradient_norm=gradient,
            update_norm=update,
            interference=self._interference.get(layer),
            drift_cosine=cosine,
            drift_l2=l2,
            runs_away=self._runs_away(layer, gradient, update) if layer in updates else None,
        )

    def _runs_away(self, layer: str, *norms: float) -> str | None:
        both = zip(_NORMS, norms, strict=True)
        away = [n for n, value in both if self._typical[layer, n].runs_away(value, self._settings.alarm)]
        return " and ".join(away) or None

    def _norms(self, tensors: list[torch.Tensor]) -> dict[str, float]:
        """The Euclidean norm of each layer's tensors; one transfer from the device for all."""
        norms = whole(torch.stack(torch._foreach_norm(tensors))).tolist()
        squares: dict[str, float] = {}
        for layer, norm in zip(self._layers, norms, strict=True):
            squares[layer] = squares.get(layer, 0.0) + norm * norm
        return {layer: math.sqrt(square) for layer, square in squares.items()}

    def _look(self) -> Any:
        return self._model(
            input_ids=self._probes.tokens, attention_mask=self._probes.mask, output_hidden_states=True
        )


def cosines(
    layers: Sequence[str], one: Sequence[torch.Tensor | None], other: Sequence[torch.Tensor | None]
) -> dict[str, float]:
    """The cosine between two gradients, a layer each; a layer in which one of them is zero has none."""
    sums: dict[str, list[float]] = {}
    both = [
        (layer, a, b)
        for layer, a, b in zip(layers, one, other, strict=True)
        if a is not None and b is not None
    ]
    if not both:
        return {}
    products = whole(
        torch.stack([torch.stack([(a * b).sum(), (a * a).sum(), (b * b).sum()]) for _, a, b in both])
    )
    for (layer, _, _), found in zip(both, products.double().tolist(), strict=True):
        sums[layer] = [x + y for x, y in zip(sums.get(layer, [0.0, 0.0, 0.0]), found, strict=True)]
    return {layer: ab / math.sqrt(aa * bb) for layer, (ab, aa, bb) in sums.items() if aa * bb > 0.0}


def drift_between(hidden: torch.Tensor, base: torch.Tensor) -> tuple[float, float]:
    """1 - cosine, and |hidden - base| / |base|, of hidden states (tokens, width): each a mean over tokens."""
    now, then = hidden.float(), base.float()
    cosine = 1.0 - functional.cosine_similarity(now, then, dim=-1)
    l2 = (now - then).norm(dim=-1) / then.norm(dim=-1)
    return float(cosine.mean()), float(l2.mean())


def _blocks(model: Any) -> list[str]:
    """The transformer's blocks in their order: those that the hidden states come from."""
    found = (_BLOCK.match(name) for name, _ in model.named_parameters())
    return list(dict.fromkeys(match[1] for match in found if match))


@contextmanager
def _gradients_aside(weights: Sequence[Weight]) -> Iterator[None]:
    """Within the block the weights have no gradients; after it they have those that they had."""
    kept = [weight.grad for weight in weights]
    for weight in weights:
        weight.grad = None
    try:
        yield
    finally:
        for weight, gradient in zip(weights, kept, strict=True):
            weight.grad = gradient


@contextmanager
def _evaluating(model: Any) -> Iterator[None]:
    """Without dropout, and without drawing from the random state that the training draws from."""
    was = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was)
