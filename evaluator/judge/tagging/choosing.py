"""Which tagger there is: a stored one where it is named, else one by meaning, else one by words."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from evaluator.briefs.brief import LoadedBrief
from evaluator.judge.embedding import Embedder
from evaluator.judge.tagging.meaning_tagger import MeaningTagger
from evaluator.judge.tagging.stored import load
from evaluator.judge.tagging.tagger import Tagger
from telemetry.errors import UsageError

AnyTagger = Tagger | MeaningTagger
WITHOUT: Final = (
    "sentence embeddings are not installed: prompts are tagged by their words, and few stay unknown"
)


def tagger_for(
    loaded: LoadedBrief, stored: Path | None = None, embedder: Embedder | None = None
) -> AnyTagger:
    """The stored tagger, or one fitted on the brief's exemplars: by meaning where its package is here (some seconds).

    UsageError where the stored one knows other capabilities than the brief.
    """
    if stored is None:
        return MeaningTagger.fit(loaded, embedder=embedder) if Embedder.installed() else Tagger.fit(loaded)
    tagger = load(stored, embedder)
    wanted = {c.name for c in loaded.brief.capabilities}
    if set(tagger.names) != wanted:
        other = ", ".join(sorted(set(tagger.names) ^ wanted))
        raise UsageError(
            f"{stored} and the brief differ in their capabilities: {other}",
            hint="Fit it anew for this brief by `belay tagger train`.",
        )
    return tagger
