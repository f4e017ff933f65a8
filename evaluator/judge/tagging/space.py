"""Prompts as unit vectors, twice: cheaply, out of a table of tokens, and by the sentence encoder beside that.

The cheap vector is the mean of the encoder's input embeddings, rare tokens weighing more (inverse document frequency
over what the tagger was taught), less the mean of all: with one weight for all tokens the nearest exemplars of
CLINC150's domains are right in 81%, with these in 85%. The full one holds the encoder's and, at `BESIDE` of its
weight, the cheap one: words still say something that a sentence's meaning does not (88 and 90%).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from evaluator.judge.embedding import Embedder
from evaluator.judge.tagging.stage import Rows

BESIDE: Final = 0.4
RARITY: Final = 0.75
"""The power of the inverse document frequency."""


@dataclass(frozen=True, slots=True)
class Space:
    """A weight for each token, and the mean of the cheap vectors that it was fitted on."""

    embedder: Embedder
    weights: Rows
    centre: Rows

    @classmethod
    def fit(cls, embedder: Embedder, texts: Sequence[str]) -> Space:
        """Learn which tokens are rare among the texts. A token that none of them has is the rarest."""
        seen = np.ones(embedder.vocabulary)
        for tokens in embedder.tokens_of(texts):
            seen[list(set(tokens))] += 1.0
        weights = (np.log((len(texts) + 1) / np.minimum(seen, len(texts))) ** RARITY).astype(np.float32)
        return cls(embedder, weights, embedder.static_embed(texts, weights).mean(axis=0))

    def cheap(self, texts: Sequence[str]) -> Rows:
        """(n, 384) unit rows; a text without a token has zeros."""
        found = self.embedder.static_embed(texts, self.weights)
        return _unit(np.where(found.any(axis=1, keepdims=True), found - self.centre, 0.0).astype(np.float32))

    def full(self, texts: Sequence[str], cheap: Rows) -> Rows:
        """(n, 768) unit rows, made of the encoder's and of the cheap ones that are there already."""
        return _unit(np.hstack([self.embedder.embed(texts), np.float32(np.sqrt(BESIDE)) * cheap]))


def _unit(rows: Rows) -> Rows:
    found: Rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return found
