"""What base and candidate answered in an audit, with verified scores: what judges are taught from."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from evaluator.audit.measures.items_measure import ITEMS
from evaluator.audit.state import Asked
from evaluator.judge.judges.anchors import Anchor
from evaluator.judge.judges.learned.lessons import Pair
from telemetry.events import Value
from telemetry.files import write_renamed

log = logging.getLogger(__name__)

FILE: Final = "answers.json"


class AnsweredItem(Value):
    """One item that both models answered and the brief's judge scored. Items of one `cluster` are kin."""

    capability: str
    item: str
    cluster: str | None
    prompt: str
    base: str
    base_score: float
    candidate: str
    candidate_score: float

    @property
    def pair(self) -> Pair:
        """What can be learnt from it."""
        return Pair(
            capability=self.capability,
            group=self.cluster or self.item,
            prompt=self.prompt,
            base=self.base,
            base_score=self.base_score,
            other=self.candidate,
            other_score=self.candidate_score,
        )


class GradedAnswer(Value):
    """An answer to an item that a verifier scores, and the score by the model that judges what users send."""

    capability: str
    prompt: str
    answer: str
    score: float


class KeptAnswers(Value):
    """The answers of one audit. `brief_sha256` is the brief's whose judges scored them.

    `graded` are some of them once more, where the brief has another judge for what users send than for its items.
    """

    base_sha256: str
    candidate_sha256: str
    brief_sha256: str
    answered: tuple[AnsweredItem, ...]
    graded: tuple[GradedAnswer, ...] = ()


def answered_items(asked: Iterable[Asked]) -> tuple[AnsweredItem, ...]:
    """The brief's own items among what was asked, where both answers have a score, in the order of the audit."""
    found = []
    for one in asked:
        measure = one.watched.measure
        if measure.name != ITEMS:
            continue
        clusters = {item.id: item.cluster for item in measure.items}
        for base, candidate in (pair for draw in one.pairs for pair in draw):
            if base.value is None or candidate.value is None:
                continue
            found.append(
                AnsweredItem(
                    capability=measure.capability,
                    item=base.item,
                    cluster=clusters.get(base.item),
                    prompt=base.prompt,
                    base=base.answer,
                    base_score=base.value,
                    candidate=candidate.answer,
                    candidate_score=candidate.value,
                )
            )
    return tuple(found)


def keep_answers(kept: KeptAnswers, folder: Path) -> None:
    """Put them beside the audit's report."""
    write_renamed(folder / FILE, kept.model_dump_json(indent=1).encode())


def others_answers(audits: Path, kept: KeptAnswers) -> list[AnsweredItem]:
    """What other candidates on the same base answered under the same brief, in the order of their folders' names.

    Files of older formats are passed over: they are audited again by whoever wants to learn from them.
    """
    found: list[AnsweredItem] = []
    for file in sorted(audits.glob(f"*/{FILE}")):
        try:
            one = KeptAnswers.model_validate_json(file.read_bytes())
        except ValidationError:
            continue
        same = (one.base_sha256, one.brief_sha256) == (kept.base_sha256, kept.brief_sha256)
        if same and one.candidate_sha256 != kept.candidate_sha256:
            found += one.answered
    return found


def anchors_in(file: Path, brief_sha256: str) -> list[Anchor]:
    """The scored answers of both models in a file that `keep_answers` wrote, for judges that are asked again.

    None, and the log says so, where the file is of an older format or of another brief, whose judges may be others.
    """
    try:
        kept = KeptAnswers.model_validate_json(file.read_bytes())
    except ValidationError:
        log.warning("%s is of an older format: no judge is asked about its answers", file)
        return []
    if kept.brief_sha256 != brief_sha256:
        log.warning("%s is of another brief: no judge is asked about its answers", file)
        return []
    found = [
        Anchor(one.capability, one.prompt, answer, score)
        for one in kept.answered
        for answer, score in ((one.base, one.base_score), (one.candidate, one.candidate_score))
    ]
    return found + [
        Anchor(one.capability, one.prompt, one.answer, one.score, graded=True) for one in kept.graded
    ]


def pairs_of(answered: Sequence[AnsweredItem]) -> list[Pair]:
    """What can be learnt from them."""
    return [one.pair for one in answered]
