"""The tagger that knows when it does not know: likeness of meaning, a linear head, and how sure one may be of both.

Two stages of one shape (`stage`). The cheap one looks at each prompt; where it is sure, by what it said of prompts
that were held out, its word is the last, also where it is sure that no capability covers the prompt. The others go to
the sentence encoder in one batch. Unknown is what is less likely than `cut` to be the likeliest capability's.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from threadpoolctl import threadpool_limits

from evaluator.briefs.brief import LoadedBrief
from evaluator.judge.embedding import Embedder
from evaluator.judge.tagging import general, holding_out, stage
from evaluator.judge.tagging import space as spaces
from evaluator.judge.tagging.general import claimed, general_prompts
from evaluator.judge.tagging.holding_out import HeldOut, fit_certainty, held_out
from evaluator.judge.tagging.space import Space
from evaluator.judge.tagging.stage import OUTSIDE, Floats, Judged, Known, Labels, Rows, Stage
from evaluator.judge.tagging.tagger import LONGEST, Tag, clipped
from telemetry.errors import BriefError

log = logging.getLogger(__name__)

UNLIKE: Final = 0.12
"""The part of held-out prompts, tagged rightly, that is given up so that what no capability covers is not counted."""
HIGHEST_CUT: Final = 0.5
LOWEST_CUT: Final = 0.3
"""Above a half nothing is given up that is likelier right than not; below this a tag would mostly be wrong."""
SLIPS: Final = 0.04
"""How often the cheap stage's word, where it is the last, may be another one than the full stage's."""
ELSEWHERE: Final = 0.5
"""From this chance of "none of them" on, an unknown prompt is known to be of a general kind."""
PLAINLY: Final = 0.8
"""The cheap stage's word is never the last below this chance: of a capability, or of none by its head."""
LEAST_WORDS: Final = 3
"""Of fewer words the cheap stage knows nothing: "hi" begins many a complaint."""
BY_HAND: Final = ""
"""The topic of prompts that somebody said belong to no capability; they are believed."""
SETTINGS: Final = {
    "unlike": UNLIKE,
    "cuts": [LOWEST_CUT, HIGHEST_CUT],
    "slips": SLIPS,
    "elsewhere": ELSEWHERE,
    "words": LEAST_WORDS,
    "plainly": PLAINLY,
    "longest": LONGEST,
    "stage": [
        stage.NEIGHBOURS,
        stage.SHARPNESS,
        stage.HEAD_STRENGTH,
        stage.CERTAINTY_STRENGTH,
        stage.LEAST_SPREAD,
    ],
    "space": [spaces.BESIDE, spaces.RARITY],
    "claimed": general.CLAIMED,
    "held out": [holding_out.FOLDS, holding_out.UNCOVERED, holding_out.WORDED_OTHERWISE, holding_out.PATTERN],
}


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between which probabilities the cheap stage is not sure, and from which on a prompt is tagged."""

    unknown_below: float
    known_from: float
    cut: float


class MeaningTagger:
    """Tags prompts by a space, two stages and bounds. May be used by several threads."""

    def __init__(
        self,
        names: Sequence[str],
        space: Space,
        cheap: Stage,
        full: Stage,
        bounds: Bounds,
        version: str,
    ) -> None:
        self.names, self.version = tuple(names), version
        self.space, self.cheap, self.full, self.bounds = space, cheap, full, bounds

    @classmethod
    def fit(
        cls,
        loaded: LoadedBrief,
        more: Mapping[str | None, Sequence[str]] | None = None,
        embedder: Embedder | None = None,
        seed: int = 0,
    ) -> MeaningTagger:
        """Learn from the exemplars and from `more` prompts of each capability; under None those of no capability.

        BriefError where fewer than two capabilities could be told apart.
        """
        more = more or {}
        taught = {c.name: [*c.exemplars, *more.get(c.name, ())] for c in loaded.brief.capabilities}
        taught = {
            name: list(dict.fromkeys(map(clipped, prompts))) for name, prompts in taught.items() if prompts
        }
        return fit_meaning(taught, more.get(None, ()), embedder or Embedder(), seed)

    def tag(self, prompts: Sequence[str]) -> list[Tag]:
        """One tag for each prompt, in their order; an empty prompt is untagged with confidence 0."""
        if not prompts:
            return []
        texts = [clipped(prompt) for prompt in prompts]
        # Many small products: threads cost more than they bring, and others want the cores.
        with threadpool_limits(limits=1, user_api="blas"):
            judged = self._judge(texts)
        return [
            self._tag(text, int(best), float(confidence), float(none))
            for text, best, confidence, none in zip(texts, *judged, strict=True)
        ]

    def _judge(self, texts: Sequence[str]) -> Judged:
        rows = self.space.cheap(texts)
        judged = self.cheap.judge(rows)
        sure = judged.confidence
        wordy = np.array([len(text.split()) >= LEAST_WORDS for text in texts])
        unknown = (sure <= self.bounds.unknown_below) & (judged.none >= PLAINLY)
        decided = wordy & (unknown | (sure >= self.bounds.known_from))
        unsure = np.flatnonzero(~decided)
        if len(unsure):
            asked = self.full.judge(self.space.full([texts[at] for at in unsure], rows[unsure]))
            for here, there in zip(judged, asked, strict=True):
                here[unsure] = there
        return judged

    def _tag(self, text: str, best: int, confidence: float, none: float) -> Tag:
        if not text.strip():
            return Tag(None, 0.0)
        # Sums over rows come in any order: what is kept must not depend on which prompts shared a batch.
        sure = round(confidence, 4)
        known = sure >= self.bounds.cut
        return Tag(self.names[best] if known else None, sure, elsewhere=not known and none > ELSEWHERE)


def fit_meaning(
    taught: Mapping[str, Sequence[str]],
    elsewhere: Sequence[str],
    embedder: Embedder,
    seed: int = 0,
    without: Collection[str] = (),
) -> MeaningTagger:
    """A tagger of these prompts; `elsewhere` are prompts of no capability beside the general ones that ship.

    `without` are topics of general prompts that are left out.
    """
    if len(taught) < 2:
        raise BriefError("the tagger needs exemplars of at least two capabilities")
    names = list(taught)
    prompts = [prompt for mine in taught.values() for prompt in mine]
    labels = np.array([number for number, mine in enumerate(taught.values()) for _ in mine], np.int64)
    shipped = {topic: mine for topic, mine in general_prompts().items() if topic not in without}
    topics = {**shipped, BY_HAND: tuple(elsewhere)}
    numbers = {topic: number for number, topic in enumerate(topics)}
    others = [(numbers[topic], prompt) for topic, mine in topics.items() for prompt in mine]
    said = json.dumps([dict(taught), others, SETTINGS, seed, embedder.version], ensure_ascii=True)
    version = f"meaning@{hashlib.sha256(said.encode()).hexdigest()[:12]}"
    with threadpool_limits(limits=1, user_api="blas"):
        texts = [*prompts, *(prompt for _, prompt in others)]
        space = Space.fit(embedder, texts)
        cheap = space.cheap(texts)
        full = space.full(texts, cheap)
        topic = np.array([0] * len(prompts) + [number for number, _ in others], np.int64)
        every = np.concatenate([labels, np.full(len(others), OUTSIDE, np.int64)])
        outside = every == OUTSIDE
        theirs = claimed(full[~outside], labels, full[outside], topic[outside]) - {numbers[BY_HAND]}
        kept = ~outside | ~np.isin(topic, sorted(theirs))
        stages = _fit_stages(cheap[kept], full[kept], every[kept], topic[kept], len(names), seed)
    log.info(
        "general topics that the brief covers itself: %s",
        ", ".join(list(topics)[one] for one in sorted(theirs)),
    )
    return MeaningTagger(names, space, *stages, version)


def _fit_stages(
    cheap: Rows, full: Rows, labels: Labels, topics: Labels, capabilities: int, seed: int
) -> tuple[Stage, Stage, Bounds]:
    """Both stages, with the same prompts held out for both, so that their words can be compared."""
    ways = list(holding_out.splits(full, labels, topics, capabilities, seed))
    cheap_held, full_held = (held_out(rows, labels, capabilities, ways) for rows in (cheap, full))
    cheap_sure, full_sure = fit_certainty(cheap_held), fit_certainty(full_held)
    bounds = bounds_of(cheap_sure(cheap_held.signals), cheap_held, full_sure(full_held.signals), full_held)
    return (
        Stage(Known.fit(cheap, labels, capabilities), cheap_sure),
        Stage(Known.fit(full, labels, capabilities), full_sure),
        bounds,
    )


def bounds_of(cheap: Floats, cheap_held: HeldOut, full: Floats, full_held: HeldOut) -> Bounds:
    """The cut, and where the cheap stage's word may stand, out of what both said of held-out prompts.

    The cut gives up `UNLIKE` of the weight that was right. The cheap stage's word stands from where at most `SLIPS`
    of the weight at or above gets another tag from the full stage, and where at most `SLIPS` at or below gets any:
    by prompts whose whole kind was held out, since likeness of words is what the cheap one goes by.
    """
    order = np.argsort(full[full_held.right])
    heavy = np.cumsum(full_held.weights[full_held.right][order])
    cut = HIGHEST_CUT
    if len(heavy):
        at = int(np.searchsorted(heavy, UNLIKE * heavy[-1]))
        cut = float(np.clip(full[full_held.right][order][at], LOWEST_CUT, HIGHEST_CUT))
    weights, tagged = cheap_held.worded_otherwise, full >= cut
    known = _reach(-cheap, ~tagged | (cheap_held.best != full_held.best), weights)
    unknown = _reach(cheap, tagged, weights)
    known_from = max(-known, PLAINLY) if known is not None else 2.0
    unknown_below = min(unknown, np.nextafter(cut, 0.0)) if unknown is not None else -1.0
    return Bounds(float(unknown_below), float(known_from), cut)


def _reach(values: Floats, slip: holding_out.Mask, weights: Floats) -> float | None:
    """The largest value such that of the weight up to it at most `SLIPS` are slips; None where there is none."""
    order = np.argsort(values, kind="stable")
    weight = weights[order]
    part = np.cumsum(weight * slip[order]) / np.maximum(np.cumsum(weight), 1e-12)
    fits = np.flatnonzero(part <= SLIPS)
    return float(values[order][fits[-1]]) if len(fits) else None
