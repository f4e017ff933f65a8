"""The tagger: which capability a prompt belongs to. It sees the prompt alone, never an answer or an arm."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sklearn
from scipy.sparse import hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from evaluator.briefs.brief import LoadedBrief
from evaluator.judge.tagging.features import Features
from telemetry.errors import BriefError

# Below this probability of the likeliest capability a prompt stays untagged: a wrong tag would let one
# capability's evidence speak for another, an absent one only costs samples.
THRESHOLD: Final = 0.5
# Weak regularisation: exemplars are few and clean.
STRENGTH: Final = 30.0
# A prompt's request stands at its ends; what lies between is material, and long material costs time.
LONGEST: Final = 2000
_FEATURES: Final[dict[str, dict[str, Any]]] = {
    "words": {"analyzer": "word", "ngram_range": (1, 2)},
    "characters": {"analyzer": "char_wb", "ngram_range": (2, 4)},
}
_SETTINGS: Final = {
    "features": _FEATURES,
    "strength": STRENGTH,
    "threshold": THRESHOLD,
    "longest": LONGEST,
}


@dataclass(frozen=True, slots=True)
class Tag:
    """A capability, or None where the tagger is not sure enough; `confidence` is the likeliest one's probability.

    `elsewhere` says of an untagged prompt that it is known what it is, namely of none of the capabilities.
    """

    capability: str | None
    confidence: float
    elsewhere: bool = False


class Tagger:
    """TF-IDF over words and characters with a logistic regression, fitted on the brief's exemplars alone.

    It knows no "none of these": a prompt unlike every exemplar gets whatever its scraps resemble, and is
    untagged only where that is unsure. `meaning_tagger` knows better, where sentence embeddings are installed.
    """

    def __init__(
        self, vectorisers: Sequence[TfidfVectorizer], model: LogisticRegression, version: str
    ) -> None:
        self.version = version
        self._features = tuple(Features(one) for one in vectorisers)
        self._model = model
        self._names: list[str] = [str(name) for name in model.classes_]

    @classmethod
    def fit(cls, loaded: LoadedBrief, seed: int = 0) -> Tagger:
        """Learn from the exemplars. BriefError where fewer than two capabilities could be told apart."""
        taught = [(prompt, c.name) for c in loaded.brief.capabilities for prompt in c.exemplars]
        if len({name for _, name in taught}) < 2:
            raise BriefError("the tagger needs exemplars of at least two capabilities")
        prompts = [clipped(prompt) for prompt, _ in taught]
        vectorisers = [_vectoriser(kind).fit(prompts) for kind in ("words", "characters")]
        # Every capability counts the same, however many exemplars it has.
        model = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=2000, random_state=seed)
        rows = hstack([one.transform(prompts) for one in vectorisers], format="csr")
        model.fit(rows, [name for _, name in taught])
        said = json.dumps([taught, _SETTINGS, seed], ensure_ascii=True)
        return cls(vectorisers, model, f"tfidf-logistic@{hashlib.sha256(said.encode()).hexdigest()[:12]}")

    def tag(self, prompts: Sequence[str]) -> list[Tag]:
        """One tag for each prompt, in their order; an empty prompt is untagged with confidence 0."""
        if not prompts:
            return []
        # Checking our own settings and features at every call costs more than the tagging.
        with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
            ends = [clipped(prompt) for prompt in prompts]
            rows = hstack([features.rows(ends) for features in self._features], format="csr")
            likely = self._model.predict_proba(rows)
        return [self._tag(p, row) for p, row in zip(prompts, likely, strict=True)]

    def _tag(self, prompt: str, row: Any) -> Tag:
        if not prompt.strip():
            return Tag(None, 0.0)
        best = int(row.argmax())
        confidence = float(row[best])
        return Tag(self._names[best] if confidence >= THRESHOLD else None, confidence)


def _vectoriser(kind: str) -> TfidfVectorizer:
    return TfidfVectorizer(sublinear_tf=True, **_FEATURES[kind])


def clipped(prompt: str) -> str:
    """A prompt, or of a long one its two ends."""
    return prompt if len(prompt) <= LONGEST else f"{prompt[: LONGEST // 2]} {prompt[-LONGEST // 2 :]}"
