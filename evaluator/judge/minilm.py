"""The sentence encoder all-MiniLM-L6-v2 (BERT, 6 layers, 384 wide) with whole-number matrix products.

Weights are rounded to 8 bits a column, activations to 8 bits a row (symmetric, as in LLM.int8, Dettmers et al. 2022,
without its outliers), and products are summed in 32-bit integers. So a text's vector does not depend on which texts
share its batch, which torch's own dynamic quantisation, with one scale for the whole batch, cannot promise; texts are
not padded either: every row is a token, and only attention looks at texts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

_STEPS: Final = 127.0


class _Linear(NamedTuple):
    """A linear layer in whole numbers: weight (in, out), a scale and a bias for each output."""

    weight: Tensor
    scale: Tensor
    bias: Tensor

    def __call__(self, rows: Tensor) -> Tensor:
        step = rows.abs().amax(dim=1, keepdim=True).clamp_min_(1e-12).div_(_STEPS)
        # The only int8 product that torch has for a CPU with a scale for each row; its name is private, its
        # behaviour is held by tests/evaluator/judge/test_embedding.py.
        summed = torch._int_mm((rows / step).round_().to(torch.int8), self.weight)
        return summed.to(torch.float32).mul_(step).mul_(self.scale).add_(self.bias)


class _Norm(NamedTuple):
    weight: Tensor
    bias: Tensor
    epsilon: float

    def __call__(self, rows: Tensor) -> Tensor:
        return functional.layer_norm(rows, (rows.shape[1],), self.weight, self.bias, self.epsilon)


class _Layer(NamedTuple):
    asked: _Linear
    """Query, key and value in one."""
    attended: _Linear
    norm: _Norm
    wide: _Linear
    narrow: _Linear
    last_norm: _Norm


class MiniLM:
    """The encoder, ready to run on the CPU. `tokens` is its table of input embeddings, (vocabulary, 384)."""

    def __init__(self, folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self._weights = load_file(folder / "model.safetensors")
        self._heads = int(config["num_attention_heads"])
        self._epsilon = float(config["layer_norm_eps"])
        self.tokens: Tensor = self._weights["embeddings.word_embeddings.weight"]
        # Every text is of the first segment.
        self._positions = (
            self._weights["embeddings.position_embeddings.weight"]
            + self._weights["embeddings.token_type_embeddings.weight"][0]
        )
        self._norm = self._normed("embeddings.LayerNorm")
        self._layers = [self._layer(f"encoder.layer.{n}") for n in range(config["num_hidden_layers"])]
        self._weights = {}

    def encode(self, texts: Sequence[Sequence[int]]) -> Tensor:
        """Mean of the last layer over each text's tokens, unit length, (texts, 384). No text may be empty."""
        order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
        lengths = [len(texts[at]) for at in order]
        spans = [(length, len(list(same))) for length, same in groupby(lengths)]
        with torch.inference_mode():
            ids = torch.tensor([token for at in order for token in texts[at]])
            places = torch.cat([torch.arange(length).repeat(count) for length, count in spans])
            rows = self._norm(self.tokens[ids] + self._positions[places])
            for layer in self._layers:
                rows = self._step(layer, rows, spans)
            means = torch.cat([part.mean(dim=1) for part in _texts(rows, spans)])
            found = torch.empty_like(means)
            found[torch.tensor(order)] = functional.normalize(means, dim=1)
            return found

    def _step(self, layer: _Layer, rows: Tensor, spans: Sequence[tuple[int, int]]) -> Tensor:
        seen = torch.cat([self._attend(part) for part in _texts(layer.asked(rows), spans)])
        rows = layer.norm(rows + layer.attended(seen))
        return layer.last_norm(rows + layer.narrow(functional.gelu(layer.wide(rows))))

    def _attend(self, part: Tensor) -> Tensor:
        texts, length, wide = part.shape
        query, key, value = (
            one.reshape(texts, length, self._heads, -1).transpose(1, 2) for one in part.chunk(3, dim=2)
        )
        seen = functional.scaled_dot_product_attention(query, key, value)
        return seen.transpose(1, 2).reshape(texts * length, wide // 3)

    def _layer(self, name: str) -> _Layer:
        attention = f"{name}.attention"
        return _Layer(
            self._linear(*(f"{attention}.self.{part}" for part in ("query", "key", "value"))),
            self._linear(f"{attention}.output.dense"),
            self._normed(f"{attention}.output.LayerNorm"),
            self._linear(f"{name}.intermediate.dense"),
            self._linear(f"{name}.output.dense"),
            self._normed(f"{name}.output.LayerNorm"),
        )

    def _linear(self, *names: str) -> _Linear:
        weight = torch.cat([self._weights[f"{name}.weight"] for name in names])
        bias = torch.cat([self._weights[f"{name}.bias"] for name in names])
        scale = weight.abs().amax(dim=1).clamp_min(1e-12) / _STEPS
        whole = (weight / scale[:, None]).round().to(torch.int8)
        return _Linear(whole.t().contiguous(), scale, bias)

    def _normed(self, name: str) -> _Norm:
        return _Norm(self._weights[f"{name}.weight"], self._weights[f"{name}.bias"], self._epsilon)


def _texts(rows: Tensor, spans: Sequence[tuple[int, int]]) -> list[Tensor]:
    """The rows as (texts, tokens, width), one tensor for each length."""
    parts = torch.split(rows, [length * count for length, count in spans])
    return [part.reshape(count, length, -1) for part, (length, count) in zip(parts, spans, strict=True)]
