"""What is counted of tags: who was right, how sure, how fast."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import f1_score

from evaluator.judge.embedding import Embedder
from evaluator.judge.tagging.meaning_tagger import MeaningTagger, fit_meaning
from evaluator.judge.tagging.tagger import Tag, Tagger, clipped

BATCH = 100


class Both(NamedTuple):
    """Our tagger and the one by words, of the same exemplars."""

    ours: MeaningTagger
    words: Tagger


def both(exemplars: Mapping[str, Sequence[str]], embedder: Embedder, without: Sequence[str] = ()) -> Both:
    """Both taggers. `without` are topics of general prompts that the exemplars hold already."""
    brief = SimpleNamespace(
        capabilities=[SimpleNamespace(name=name, exemplars=tuple(mine)) for name, mine in exemplars.items()]
    )
    taught = {name: [clipped(prompt) for prompt in mine] for name, mine in exemplars.items()}
    return Both(fit_meaning(taught, (), embedder, without=without), Tagger.fit(SimpleNamespace(brief=brief)))


def right(tags: Sequence[Tag], truth: Sequence[str | None]) -> float:
    """The part tagged as what it is, None among them."""
    return float(np.mean([tag.capability == one for tag, one in zip(tags, truth, strict=True)]))


def macro_f1(tags: Sequence[Tag], truth: Sequence[str | None]) -> float:
    """Mean F1 over the capabilities that are asked about; a tag where there is none counts against its own."""
    asked = sorted({one for one in truth if one is not None})
    names = [[one or "" for one in ones] for ones in (truth, [tag.capability for tag in tags])]
    return float(f1_score(names[0], names[1], labels=asked, average="macro", zero_division=0.0))


def calibration_error(confidence: Sequence[float], hit: Sequence[bool], bins: int = 10) -> float:
    """Expected calibration error over equal bins (Guo et al. 2017, equation 5)."""
    sure, true = np.asarray(confidence), np.asarray(hit, dtype=float)
    at = np.minimum((sure * bins).astype(int), bins - 1)
    return float(
        sum(
            (at == one).mean() * abs(sure[at == one].mean() - true[at == one].mean())
            for one in range(bins)
            if (at == one).any()
        )
    )


def likeliest(tagger: Any, texts: Sequence[str]) -> list[str]:
    """The likeliest capability of each, also where it is not sure enough for a tag."""
    if isinstance(tagger, MeaningTagger):
        return [tagger.names[one] for one in tagger._judge([clipped(text) for text in texts]).best]
    from evaluator.judge.tagging.tagger import _features  # noqa: PLC0415 -- the peer's inside

    likely = tagger._model.predict_proba(_features(tagger._vectorisers, [clipped(text) for text in texts]))
    return [tagger._names[one] for one in likely.argmax(axis=1)]


def per_second(tagger: Any, texts: Sequence[str]) -> float:
    """Tags a second of CPU time, in batches of `BATCH` as a consumer polls them."""
    started = time.process_time()
    for at in range(0, len(texts), BATCH):
        tagger.tag(texts[at : at + BATCH])
    return len(texts) / (time.process_time() - started)
