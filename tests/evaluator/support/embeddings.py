"""An embedder for tests that loads nothing: a text is the sum of its words, each a direction of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from evaluator.judge.embedding import WIDTH, Embedder, Vectors

WORDS = 4096


class WordEmbedder(Embedder):
    """Knows no meaning: texts are alike by the words that they share. `asked` is what the slow path was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    @cached_property
    def version(self) -> str:
        """Of these tests."""
        return "words@tests"

    @property
    def vocabulary(self) -> int:
        """So many words at most."""
        return WORDS

    def tokens_of(self, texts: Sequence[str]) -> list[list[int]]:
        """A number for each word, by its hash."""
        return [[_number(word) for word in text.lower().split()] for text in texts]

    def embed(self, texts: Sequence[str]) -> Vectors:
        """The sum of the words' directions."""
        self.asked.extend(texts)
        return self.static_embed(texts)

    @cached_property
    def _table(self) -> Vectors:
        return np.random.default_rng(0).normal(size=(WORDS, WIDTH)).astype(np.float32)


def _number(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.strip("?!.,").encode(), digest_size=2).digest(), "big") % WORDS
