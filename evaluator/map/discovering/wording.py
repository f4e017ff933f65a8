"""How prompts are worded, as numbers: the words and pairs of words that many of them share.

A task shows in what recurs ("in one sentence", "how many ... left?"), a subject in what does not. So rare words are
left out rather than weighed up: what fewer than 1% of the prompts have is no wording, and there is no idf. Numbers
are one word, a CJK character is a word, line ends and punctuation count, and of a long prompt only its ends do, where
the request stands. The counts are reduced to `DIMENSIONS` by a truncated singular value decomposition.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

DIMENSIONS: Final = 40
SHARED_BY: Final = 0.01
_END: Final = 300
_NUMBER: Final = re.compile(r"\d+")
_TOKEN: Final = re.compile(
    r"\n|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+|[^\w\s]"
)

Vectors = NDArray[np.float64]


def tokens(prompt: str) -> list[str]:
    """The words and marks of a prompt's ends, in their order.

    >>> tokens("What is 12 + 7?")
    ['what', 'is', '0', '+', '0', '?']
    """
    ends = prompt if len(prompt) <= 2 * _END else f"{prompt[:_END]}\n{prompt[-_END:]}"
    return _TOKEN.findall(_NUMBER.sub("0", ends.strip().casefold()))


def _features(prompt: str) -> list[str]:
    said = ["^", *tokens(prompt), "$"]
    return [*said[1:-1], *(f"{a} {b}" for a, b in pairwise(said))]


def vectors(prompts: Sequence[str], seed: int) -> Vectors:
    """One row of `DIMENSIONS` at most a prompt, of length 1; 0 where a prompt shares no wording with others.

    Needs three prompts. The same prompts in the same order give the same rows.
    """
    counted: Any = None
    for shared in (max(2, math.ceil(SHARED_BY * len(prompts))), 1):
        try:
            counted = TfidfVectorizer(
                analyzer=_features, sublinear_tf=True, use_idf=False, min_df=shared
            ).fit_transform(prompts)
        except ValueError:  # no word is shared by so many
            continue
        if counted.shape[1] > 1:
            break
    few = max(1, min(DIMENSIONS, counted.shape[1] - 1, len(prompts) - 1))
    # Where all prompts are worded the same, it divides by a variance of 0, which nobody reads.
    with np.errstate(all="ignore"):
        rows = TruncatedSVD(few, random_state=seed).fit_transform(counted)
    found: Vectors = normalize(np.asarray(rows, dtype=np.float64))
    return found
