"""Prompts that no exemplar resembles: what the map must not count for a capability, however sure the tagger is.

The tagger chooses among the brief's capabilities and knows no "none of these". For the evidence of a rollout that
does no harm, since the judge leaves such a prompt unscored; a share of traffic it would inflate. So a prompt that is
less like the nearest exemplar of its capability than `UNLIKE` of that capability's exemplars are like their nearest
is counted as untagged. (The rank of a new likeness among those of exemplars left out one by one, capability by
capability: Mondrian conformal prediction, Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World", 2005,
section 4.5.) Likeness is the cosine of TF-IDF vectors over words and characters.

Measured with the shipped brief: of 1,200 queries that have nothing to do with it (CLINC150, "out of scope") 93% stay
untagged, by the tagger alone 60%; of its own 1,940 items 3% do, of the target's 11%. What is given up of the covered
traffic comes back by the correction in `shares`; what is not covered and counted all the same does not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from scipy.sparse import hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

from evaluator.briefs.brief import LoadedBrief
from evaluator.judge.tagging.tagger import LONGEST, Tag, Tagger
from evaluator.watch.worker.scoring import Tagging

UNLIKE: Final = 0.10
"""The fraction of covered prompts that is given up at most, so that what is not covered is not counted."""


class CautiousTagger:
    """A tagger that leaves a prompt untagged which is unlike every exemplar of its capability."""

    def __init__(self, tagger: Tagging, exemplars: Mapping[str, Sequence[str]], version: str) -> None:
        self.version = f"{version}, unlike {UNLIKE:g}"
        self._tagger = tagger
        every = [prompt for prompts in exemplars.values() for prompt in prompts]
        self._vectorisers = [
            TfidfVectorizer(sublinear_tf=True, analyzer="word", ngram_range=(1, 2)).fit(every),
            TfidfVectorizer(sublinear_tf=True, analyzer="char_wb", ngram_range=(2, 4)).fit(every),
        ]
        self._exemplars = {name: self._features(prompts) for name, prompts in exemplars.items()}
        self.bars = {name: _bar(rows) for name, rows in self._exemplars.items()}

    @classmethod
    def fit(cls, loaded: LoadedBrief) -> CautiousTagger:
        """Learn from the exemplars, as the tagger does."""
        tagger = Tagger.fit(loaded)
        return cls(tagger, {c.name: c.exemplars for c in loaded.brief.capabilities}, tagger.version)

    def tag(self, prompts: Sequence[str]) -> list[Tag]:
        """The tagger's tags, without those of prompts that are unlike every exemplar of theirs."""
        tags = list(self._tagger.tag(prompts))
        for name, bar in self.bars.items():
            mine = [index for index, tag in enumerate(tags) if tag.capability == name]
            if not mine:
                continue
            likeness = (self._features([prompts[i] for i in mine]) @ self._exemplars[name].T).max(axis=1)
            for index, alike in zip(mine, likeness.toarray().ravel(), strict=True):
                if alike < bar:
                    tags[index] = Tag(None, tags[index].confidence)
        return tags

    def _features(self, prompts: Sequence[str]) -> Any:
        """Unit vectors, one row a prompt; a prompt without any known scrap is 0 and like nothing."""
        ends = [p if len(p) <= LONGEST else f"{p[: LONGEST // 2]} {p[-LONGEST // 2 :]}" for p in prompts]
        return normalize(hstack([v.transform(ends) for v in self._vectorisers], format="csr"))


def _bar(rows: Any) -> float:
    among = (rows @ rows.T).toarray()
    np.fill_diagonal(among, 0.0)
    return bar_of(among.max(axis=1).tolist())


def bar_of(likeness: Sequence[float]) -> float:
    """The likeness below which a new exemplar lies with chance `UNLIKE` at most; 0 where there are fewer than nine.

    Of n + 1 likenesses that are alike but for their order, the new one has rank r or less with chance r/(n + 1).

    >>> bar_of([0.1] + [0.5] * 8), bar_of([0.1] + [0.5] * 7)
    (0.1, 0.0)
    """
    rank = math.floor(UNLIKE * (len(likeness) + 1))
    return sorted(likeness)[rank - 1] if rank >= 1 else 0.0
