"""Rows made faster are the vectoriser's rows, to the bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from evaluator.judge.tagging import features
from evaluator.judge.tagging.features import Features, scraps

TAUGHT = [
    "What is 11 + 12?",
    "Where is the refund for the tent that I sent back?",
    "\u0130stanbul, a city; a b",
]
KINDS = {"word": (1, 2), "char_wb": (2, 4)}
TEXT = st.text("abWhat is1+?\u0130\u00df\u03a3\x85\u00a0\u2003\n\t ", max_size=60) | st.text(max_size=40)


def vectoriser(kind: str) -> TfidfVectorizer:
    return TfidfVectorizer(sublinear_tf=True, analyzer=kind, ngram_range=KINDS[kind]).fit(TAUGHT)


@pytest.mark.parametrize("kind", KINDS)
@given(texts=st.lists(st.sampled_from(TAUGHT) | TEXT, min_size=1, max_size=4))
def test_the_rows_are_those_of_the_vectoriser_to_the_bit(kind: str, texts: list[str]) -> None:
    fitted = vectoriser(kind)
    mine, theirs = Features(fitted), fitted.transform(texts)
    for found in (mine.rows(texts), mine.rows(texts)):  # the second time from memory
        assert found.shape == theirs.shape
        assert found.indptr.tolist() == theirs.indptr.tolist()
        assert found.indices.tolist() == theirs.indices.tolist()
        assert np.array_equal(found.data.view(np.int64), theirs.data.view(np.int64))


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "MOST_WORDS", 3)
    mine = Features(vectoriser("char_wb"))
    mine.rows([" ".join(f"word{n}" for n in range(10)), "x" * 2_000])
    assert 0 < len(mine._known) <= 3
    assert "x" * 2_000 not in mine._known


def test_a_word_shorter_than_a_run_counts_once() -> None:
    assert scraps("", 2, 4) == ["  "]
    assert scraps("a", 2, 4) == [" a", "a ", " a "]


def test_words_are_counted_alone_and_in_pairs_only() -> None:
    fitted = TfidfVectorizer(sublinear_tf=True, analyzer="word", ngram_range=(1, 3)).fit(TAUGHT)
    with pytest.raises(ValueError, match=r"words in runs of \(1, 3\), expected \(1, 2\)"):
        Features(fitted)
