"""How the tagger errs on prompts that it was not taught: cross-validated on the brief's exemplars."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from evaluator.briefs.brief import LoadedBrief
from evaluator.map.mapping.resemblance import CautiousTagger
from evaluator.watch.worker.scoring import Tagging
from telemetry.events import Value

FOLDS: Final = 5

Progress = Callable[[int, int, str], None]
Fit = Callable[[LoadedBrief], Tagging]


class Confusion(Value):
    """Held-out tags of exemplars: a row for each capability, a column for each tag, the last one untagged.

    The exemplars were chosen by those who wrote the brief, often from a few patterns: traffic is more varied, so
    that the tagger errs rather more there than here.
    """

    names: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    folds: int

    @property
    def right(self) -> float:
        """The fraction tagged as what they are."""
        return sum(row[index] for index, row in enumerate(self.counts)) / self.total

    @property
    def untagged(self) -> float:
        """The fraction that the tagger was not sure of."""
        return sum(row[-1] for row in self.counts) / self.total

    @property
    def total(self) -> int:
        """How many exemplars were held out."""
        return sum(map(sum, self.counts))


def held_out(
    loaded: LoadedBrief, fit: Fit = CautiousTagger.fit, progress: Progress | None = None
) -> Confusion | None:
    """Tag each exemplar by a tagger that was taught the others of its fold; None where a capability has only one.

    Fold f holds out every `FOLDS`-th exemplar of each capability, from the f-th on; fewer folds where a capability
    has fewer exemplars. A tagger taught by four in five errs a little more than the one that tags the traffic.
    """
    capabilities = loaded.brief.capabilities
    folds = min(FOLDS, *(len(c.exemplars) for c in capabilities))
    if folds < 2:
        return None
    names = [c.name for c in capabilities]
    counts = {name: [0] * (len(names) + 1) for name in names}
    for fold in range(folds):
        if progress is not None:
            progress(fold, folds, "tagger, held out")
        tagger = fit(_taught(loaded, fold, folds))
        for capability in capabilities:
            for tag in tagger.tag(capability.exemplars[fold::folds]):
                column = len(names) if tag.capability is None else names.index(tag.capability)
                counts[capability.name][column] += 1
    if progress is not None:
        progress(folds, folds, "tagger, held out")
    return Confusion(names=tuple(names), counts=tuple(tuple(counts[name]) for name in names), folds=folds)


def _taught(loaded: LoadedBrief, fold: int, folds: int) -> LoadedBrief:
    """The brief without the exemplars of one fold."""
    kept = tuple(
        c.model_copy(update={"exemplars": tuple(e for i, e in enumerate(c.exemplars) if i % folds != fold)})
        for c in loaded.brief.capabilities
    )
    return loaded.model_copy(update={"brief": loaded.brief.model_copy(update={"capabilities": kept})})
