"""The diagonal Fisher information of base on retention data: which weights its other abilities stand on.

    F_ij = 1/T * sum over the T labelled tokens t of E[(d log p(y_t | before t) / d W_ij)^2]

W is the full weight of every adapted linear layer. `true`: y_t is drawn from base's own distribution, so that F is
the Fisher information, the curvature of the KL divergence at base. `empirical`: y_t is the token that the data have;
that is the second moment of the loss's gradient, which equals the Fisher only where base fits the data (Kunstner et
al., 2019, arXiv:1905.12558). Both are per token, not per example: an example of twice the words counts twice.

One backward pass gives the gradient of an example's sum over tokens, whose square has cross terms between tokens.
For `true` they vanish in expectation, since a score has mean zero given what is before it. For `empirical` they do
not, so every token's loss gets a random sign first, which keeps the squares and cancels the cross terms in
expectation. Both estimates are unbiased; more samples make them less noisy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch.nn import functional

from telemetry.errors import SettingsError
from trainer.config import Targets
from trainer.data.encoding import IGNORED, Example
from trainer.methods.devices import onto
from trainer.methods.targets import linear_layers

Kind = Literal["empirical", "true"]
Storage = Literal["bfloat16", "factored"]
Batch = dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True)
class Factors:
    """The rank-one F_ij = rows_i * columns_j whose row and column sums are F's: O(out + in) numbers.

    rows are the row sums over the root of the total, columns likewise: of all rank-one matrices the nearest in the
    generalised Kullback-Leibler divergence, as Adafactor keeps its second moments (Shazeer & Stern, 2018,
    arXiv:1804.04235, section 3).
    """

    rows: torch.Tensor
    columns: torch.Tensor

    @property
    def shape(self) -> tuple[int, int]:
        """(out, in) of the weight."""
        return len(self.rows), len(self.columns)


Diagonal = torch.Tensor | Factors


@dataclass(frozen=True, slots=True)
class Fisher:
    """F of each adapted layer by its name in the base model: a bfloat16 matrix (out, in), or its two factors."""

    layers: dict[str, Diagonal]


def estimate(
    base: Any,
    batches: Iterable[Batch],
    kind: Kind,
    *,
    storage: Storage = "bfloat16",
    targets: Targets = "all-linear",
    seed: int = 0,
    on_examples: Callable[[int], None] | None = None,
) -> Fisher:
    """The Fisher of base, before an adapter is put on it, at the layers where `targets` will put one.

    `batches` are padded like the training's (`input_ids`, `attention_mask`, `labels`) and are moved to base's device;
    only labelled tokens count. `on_examples` is told after each batch how many examples are done. Draws and signs
    depend on `seed` alone.

    A layer's per-example gradient is formed, squared and added while the backward pass is at that layer, one
    example at a time, so no second one is ever held. What stays is F itself: with `bfloat16` in float32 until all
    is added (rounding each addend would lose the small ones), with `factored` the row and column sums only.
    Raises SettingsError where no token is labelled, or where F is not finite.
    """
    layers = linear_layers(base, targets)
    sums = {name: _sum_of(layer.weight, storage) for name, layer in layers.items()}
    generator = torch.Generator().manual_seed(seed)
    tokens = done = 0
    with _observed(base, layers, sums):
        for batch in batches:
            losses = _token_losses(base, onto(batch, base.device), kind, generator)
            tokens += len(losses)
            torch.autograd.backward(losses.sum())
            done += len(batch["input_ids"])
            if on_examples is not None:
                on_examples(done)
    if tokens == 0:
        raise SettingsError("the Fisher information has no labelled token to be taken on")
    return Fisher({name: total.mean(tokens) for name, total in sums.items()})


def examples_sha256(examples: Sequence[Example]) -> str:
    """The hash of encoded examples: names the very tokens and labels that a Fisher was taken on."""
    digest = hashlib.sha256()
    for example in examples:
        digest.update(f"{example.tokens}{example.labels}\n".encode())
    return digest.hexdigest()


@dataclass(slots=True)
class _Matrix:
    """The sum of squared gradients of one layer, in float32."""

    total: torch.Tensor

    def add(self, gradient: torch.Tensor) -> None:
        self.total.addcmul_(gradient, gradient)

    def mean(self, count: int) -> torch.Tensor:
        return _finite(self.total.div_(count)).to(torch.bfloat16)


@dataclass(slots=True)
class _Margins:
    """The row and column sums of the squared gradients of one layer, in float32."""

    rows: torch.Tensor
    columns: torch.Tensor

    def add(self, gradient: torch.Tensor) -> None:
        squares = gradient.square_()
        self.rows += squares.sum(1)
        self.columns += squares.sum(0)

    def mean(self, count: int) -> Factors:
        root = self.rows.sum().sqrt().clamp_min(torch.finfo(torch.float32).tiny)
        scale = root * count**0.5
        return Factors(_finite(self.rows / scale), _finite(self.columns / scale))


def _sum_of(weight: torch.Tensor, storage: Storage) -> _Matrix | _Margins:
    out, inside = weight.shape
    device = weight.device
    if storage == "bfloat16":
        return _Matrix(torch.zeros(out, inside, device=device))
    return _Margins(torch.zeros(out, device=device), torch.zeros(inside, device=device))


def _finite(values: torch.Tensor) -> torch.Tensor:
    if not bool(torch.isfinite(values).all()):
        raise SettingsError(
            "the Fisher information is not finite: base's loss or gradient overflows on the retention data",
            hint="Take it in float32 (dtype), or look for an example that base cannot read.",
        )
    return values


@contextmanager
def _observed(
    base: Any, layers: dict[str, torch.nn.Linear], sums: dict[str, _Matrix | _Margins]
) -> Iterator[None]:
    """Within the block every backward pass adds its squared gradients to `sums`; after it all is as before.

    The weights are frozen and the pass starts at the embeddings' output, so that it forms no weight's gradient.
    """
    embeddings = base.get_input_embeddings()
    hooks = [embeddings.register_forward_hook(lambda _module, _inputs, output: output.requires_grad_())]
    hooks += [layer.register_forward_hook(_tap(sums[name])) for name, layer in layers.items()]
    free = [weight for weight in base.parameters() if weight.requires_grad]
    training = base.training
    base.eval()
    try:
        for weight in free:
            weight.requires_grad_(False)
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for weight in free:
            weight.requires_grad_(True)
        base.train(training)


def _tap(total: _Matrix | _Margins) -> Callable[[Any, tuple[torch.Tensor, ...], torch.Tensor], None]:
    """A forward hook that keeps the layer's input until its output's gradient arrives."""

    def on_forward(_module: Any, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        seen = inputs[0].detach()

        def on_gradient(gradient: torch.Tensor) -> None:
            for outgoing, incoming in zip(gradient, seen, strict=True):  # (tokens, out), (tokens, in)
                total.add(outgoing.float().t() @ incoming.float())

        output.register_hook(on_gradient)  # type: ignore[no-untyped-call]  # torch leaves it untyped

    return on_forward


def _token_losses(base: Any, batch: Batch, kind: Kind, generator: torch.Generator) -> torch.Tensor:
    """-log p of each labelled token: of a drawn one, or of the data's with a random sign."""
    wanted = batch["labels"][:, 1:]
    counted = wanted != IGNORED
    outputs = base(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], use_cache=False)
    logits = outputs.logits[:, :-1][counted].float()
    if kind == "true":
        chances = functional.softmax(logits.detach(), dim=-1).cpu()
        drawn = torch.multinomial(chances, 1, generator=generator).squeeze(1).to(logits.device)
        return functional.cross_entropy(logits, drawn, reduction="none")
    signs = torch.randint(0, 2, (len(logits),), generator=generator).to(logits) * 2 - 1
    return functional.cross_entropy(logits, wanted[counted], reduction="none") * signs
