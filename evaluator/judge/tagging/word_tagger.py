"""Fits the word table by which routers tell capabilities apart: the brief's exemplars, one weight a word.

A twentieth of the work of `tagger`, which a router could not afford on every request, and good enough
to send shadows the right way: `agreement` says how often both name the same capability.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import log
from typing import Final

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from evaluator.briefs.brief import LoadedBrief
from evaluator.judge.tagging.conversations import Tagging
from evaluator.judge.tagging.general import general_prompts
from telemetry.errors import BriefError
from telemetry.word_table import LARGEST, NOBODY, SCALE, TableFile, WordTable, table_of, words

STRENGTH: Final = 1.0
NOBODYS: Final = 0.05
"""What all prompts of no capability weigh beside those of one."""
LEAD: Final = log(2.0)
"""The likeliest capability must be twice as likely as the next."""


def fit_table(loaded: LoadedBrief, tagger: Tagging | None = None) -> TableFile:
    """The word table of a brief. BriefError where fewer than two capabilities could be told apart.

    With a tagger it follows that one: general prompts are learnt beside the exemplars, as what it says that they are.
    """
    taught = [(prompt, c.name) for c in loaded.brief.capabilities for prompt in c.exemplars]
    if len({name for _, name in taught}) < 2:
        raise BriefError("the word table needs exemplars of at least two capabilities")
    if tagger is not None:
        others = [prompt for mine in general_prompts().values() for prompt in mine]
        taught += [
            (prompt, tag.capability or NOBODY) for prompt, tag in zip(others, tagger.tag(others), strict=True)
        ]
    counter = CountVectorizer(analyzer=words, binary=True)
    seen = counter.fit_transform([prompt for prompt, _ in taught])
    # Every capability counts the same, however many exemplars it has; those of none less, or they take every prompt
    # that has a few words which no exemplar has.
    counts = Counter(name for _, name in taught)
    heavy = np.array([(NOBODYS if name == NOBODY else 1.0) / counts[name] for _, name in taught])
    model = LogisticRegression(C=STRENGTH, max_iter=2000)
    model.fit(seen, [name for _, name in taught], heavy / heavy.mean())
    names = [str(name) for name in model.classes_]
    # Two classes have one row of weights, for the second of them.
    weights = model.coef_ if len(names) > 2 else np.vstack([-model.coef_, model.coef_]) / 2.0
    bias = model.intercept_ if len(names) > 2 else np.hstack([-model.intercept_, model.intercept_]) / 2.0
    return table_of(
        names,
        round(LEAD * SCALE),
        _whole(bias.tolist()),
        {word: _whole(weights[:, at].tolist()) for word, at in counter.vocabulary_.items()},
    )


def agreement(table: TableFile, tagger: Tagging, prompts: Sequence[str]) -> float:
    """Fraction of the prompts with a tag that both tag alike; 1 where none has one."""
    fast = WordTable(table)
    tagged = [
        (tag.capability, prompt) for tag, prompt in zip(tagger.tag(prompts), prompts, strict=True)
        if tag.capability is not None
    ]  # fmt: skip
    return sum(fast.tag(prompt) == name for name, prompt in tagged) / len(tagged) if tagged else 1.0


def _whole(weights: Sequence[float]) -> list[int]:
    """A word's weights as whole numbers from 0: what all capabilities have in common decides nothing."""
    least = min(weights)
    return [min(round((weight - least) * SCALE), LARGEST) for weight in weights]
