"""Which answers of the audit a worker has its judging models asked about again."""

from __future__ import annotations

import logging
from pathlib import Path

from evaluator.audit.kept_answers import anchors_in
from evaluator.briefs.brief import LoadedBrief
from evaluator.judge.judges.anchors import Anchor, Anchors
from evaluator.judge.judges.judge import Judge

log = logging.getLogger(__name__)


def anchors_of(loaded: LoadedBrief, answers: Path | None, judge: Judge) -> Anchors | None:
    """The known answers for the brief's judging models, from the file that the audit left.

    None where no model judges, and where there are no such answers, which the log says.
    """
    if not judge.endpoints:
        return None
    found: list[Anchor] = []
    if answers is not None and answers.is_file():
        found = anchors_in(answers, loaded.sha256)
    anchors = Anchors(loaded, found, judge)
    if not len(anchors):
        log.warning(
            "no known answers of the judging models (%s): whether a model changes is not seen",
            answers or "none are named",
        )
        return None
    return anchors
