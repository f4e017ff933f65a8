"""What the worker says of itself: a small file that is always whole, and a log of the evidence for plots."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from pydantic import AwareDatetime, Field

from evaluator.watch.worker.decider import Decider
from evaluator.watch.worker.scoring import ScorerCounts
from evaluator.watch.worker.tracked import Tracked
from evaluator.watch.worker.unknown import UnknownStatus
from telemetry.events import (
    Allotment,
    ArmAnswers,
    CapabilityEvidence,
    DecisionMade,
    JudgeAnchors,
    Status,
    Value,
    now,
)
from telemetry.files import write_renamed

log = logging.getLogger(__name__)

EVIDENCE_EVERY: Final = 10
"""Settled scores between two lines of the evidence log, for as long as it is short."""
EVIDENCE_LINES: Final = 1_000
"""Lines of one rollout after which they come half as often, and again after as many: a year of them can be plotted."""


class RolloutStatus(Value):
    """One rollout as the decider sees it. `combined` is M of statistics.md; a roll back is due at `bar`.

    `stopped` says why nothing more of it can be settled, where that is so.

    `allotment` says where shadows go; None where they are drawn evenly.
    """

    rollout_id: str
    status: Status
    stage: int
    stages: int
    share: float
    revision: int
    settled: int
    untagged: int
    unscored: int
    combined: float
    bar: float
    decisions: int
    last_decision: DecisionMade | None
    stopped: str | None = None
    allotment: Allotment | None = None
    evidence: tuple[CapabilityEvidence, ...]
    anchors: tuple[JudgeAnchors, ...] = ()


class WorkerStatus(Value):
    """The whole worker at one moment. `unscored` counts codes since the process began; `waiting` wait for a judge.

    `held` wait for their shadow's answer, `alone` waited for one in vain and are no pair. `refused` are rollouts that
    nothing can watch, with the reason; of those in `unannounced` there are scores and no rollout yet. A worker that
    `stands_by` scores, and leaves the decisions to another one.
    """

    time: AwareDatetime = Field(default_factory=now)
    judge: str
    tagger: str
    interactions: int = 0
    scored: int = 0
    unscored: dict[str, int] = Field(default_factory=dict)
    waiting: int = 0
    held: int = 0
    alone: int = 0
    behind_s: float | None = None
    sent_s: float | None = None
    unknown: UnknownStatus = UnknownStatus()
    dead: int = 0
    duplicates: int = 0
    late: int = 0
    decisions: int = 0
    stands_by: bool = False
    rollouts: tuple[RolloutStatus, ...] = ()
    refused: dict[str, str] = Field(default_factory=dict)
    unannounced: tuple[str, ...] = ()
    arms: tuple[ArmAnswers, ...] = ()


def rollout_status(tracked: Tracked) -> RolloutStatus:
    """What there is to say of one rollout."""
    state, evidence = tracked.state, tracked.evidence
    summary = evidence.summary()
    return RolloutStatus(
        rollout_id=state.spec.rollout_id,
        status=state.status,
        stage=state.stage,
        stages=len(state.spec.stages),
        share=state.share,
        revision=state.revision,
        settled=evidence.settled,
        untagged=evidence.untagged,
        unscored=evidence.untagged + sum(c.unscored for c in summary),
        combined=evidence.e_value,
        bar=evidence.bar,
        decisions=tracked.decisions,
        last_decision=tracked.last_decision,
        stopped=tracked.stopped,
        allotment=state.allotment,
        evidence=summary,
        anchors=evidence.anchors.summary(),
    )


def worker_status(judge: str, tagger: str, counts: ScorerCounts, decider: Decider | None) -> WorkerStatus:
    """What there is to say of the worker; without a decider it stands by. Call it from the decider's thread."""
    scoring = WorkerStatus(
        judge=judge,
        tagger=tagger,
        interactions=counts.interactions,
        scored=counts.scored,
        unscored=dict(counts.unscored),
        waiting=counts.waiting,
        held=counts.held,
        alone=counts.alone,
        behind_s=counts.behind_s,
        sent_s=counts.sent_s,
        unknown=counts.unknown.status,
        dead=counts.dead,
        stands_by=decider is None,
        arms=tuple(counts.arms.answers()),
    )
    if decider is None:
        return scoring
    rollouts = tuple(rollout_status(tracked) for tracked in decider.rollouts.values())
    return scoring.model_copy(
        update={
            "dead": counts.dead + decider.dead,
            "duplicates": decider.duplicates,
            "late": decider.late,
            "decisions": sum(r.decisions for r in rollouts),
            "rollouts": rollouts,
            "refused": dict(decider.known.refused),
            "unannounced": tuple(decider.known.unannounced.places),
        }
    )


def write_status(path: Path, status: WorkerStatus) -> None:
    """Put the status in place of the one before it. A disk that is full is no reason not to decide."""
    try:
        write_renamed(path, status.model_dump_json().encode())
    except OSError as error:
        log.warning("cannot write the status file %s: %s", path, error)


def read_status(path: Path) -> WorkerStatus | None:
    """The worker's last word, or None before its first."""
    try:
        return WorkerStatus.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None


def line_every(settled: int) -> int:
    """Scores between two lines of the evidence log once so many have settled."""
    return EVIDENCE_EVERY << (settled // (EVIDENCE_EVERY * EVIDENCE_LINES)).bit_length()


class EvidenceLog:
    """Appends a line every so many settled scores of a rollout (`line_every`); a refold adds no line twice."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written = _last_lines(path.read_text().splitlines()) if path.is_file() else {}

    def settled(self, tracked: Tracked) -> None:
        """Take note of a settled score."""
        evidence = tracked.evidence
        rollout = evidence.spec.rollout_id
        if evidence.settled % line_every(evidence.settled) or evidence.settled <= self._written.get(
            rollout, 0
        ):
            return
        self._written[rollout] = evidence.settled
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(_line(tracked), separators=(",", ":")) + "\n")
        except OSError as error:
            log.warning("cannot add to the evidence log %s: %s", self._path, error)


def _line(tracked: Tracked) -> dict[str, object]:
    evidence = tracked.evidence
    last = evidence.last_score
    return {
        "time": last.time.isoformat() if last else None,
        "rollout_id": evidence.spec.rollout_id,
        "offset": evidence.last_offset,
        "interactions": evidence.settled,
        "stage": last.assignment.stage if last else 0,
        "share": last.assignment.share if last else 0.0,
        "e_value": evidence.e_value,
        "bar": evidence.bar,
        "capabilities": {
            c.capability: {
                "e": c.e_value,
                "control": [c.control.n, c.control.mean],
                "candidate": [c.candidate.n, c.candidate.mean],
                "pairs": c.pairs,
            }
            for c in evidence.summary()
        },
    }


def _last_lines(lines: Iterable[str]) -> dict[str, int]:
    """How far each rollout is in the log. A line cut short by a killed process is no line."""
    written: dict[str, int] = {}
    for line in lines:
        try:
            point = json.loads(line)
        except json.JSONDecodeError:
            continue
        written[point["rollout_id"]] = point["interactions"]
    return written
