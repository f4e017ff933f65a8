"""Traffic of which a part is one client's who knows what the candidate fails, or alone solves, and its evidence."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from evaluator.watch.evidence.fold import RolloutEvidence
from telemetry.events import (
    Assignment,
    AuditRef,
    CapabilityWatch,
    ModelRef,
    RolloutSpec,
    ScoreRecorded,
    Stage,
)
from telemetry.subjects import unit_of

THRESHOLD: Final = 0.05
BASE: Final = 0.9
AT: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
UNBOUNDED: Final = 1 << 30

Aim = Literal["force", "hide"]


@dataclass(frozen=True, slots=True)
class Attack:
    """`part` of the traffic comes from `sessions` sessions in turn, or from a new one each time where that is None.

    `candidate` is how often the candidate is right for everybody else (base `BASE`). Whoever wants to `force` a
    rollback asks what base passes and the candidate fails; whoever wants to `hide` a drop the opposite.
    """

    aim: Aim
    part: float
    sessions: int | None = 1
    candidate: float = BASE
    share: float = 0.25
    shadow: float = 0.1
    interactions: int = 20_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """When it was rolled back, in interactions and in the attacker's own requests; None where it never was."""

    at: int | None
    requests: int


def run(attack: Attack, seed: int, *, bounded: bool = True) -> Outcome:
    """One rollout under attack. Without the bound every pair of a subject counts, as it did before there was one."""
    evidence, requests = RolloutEvidence(_spec(attack.share)), 0
    if not bounded:
        evidence.folds["facts"].most = UNBOUNDED
    for number, (score, theirs) in enumerate(_traffic(attack, seed)):
        evidence.settle(score, 0, number)
        requests += theirs
        if evidence.breached:
            return Outcome(number + 1, requests)
    return Outcome(None, requests)


def _traffic(attack: Attack, seed: int) -> Iterator[tuple[ScoreRecorded, bool]]:
    rng = random.Random(seed)
    theirs = (1.0, 0.0) if attack.aim == "force" else (0.0, 1.0)
    for number in range(attack.interactions):
        attacks = rng.random() < attack.part
        name = f"{seed}/{number}"
        if attacks and attack.sessions is not None:
            name = f"{seed}/attacker {rng.randrange(attack.sessions)}"
        chances = theirs if attacks else (BASE, attack.candidate)
        control, candidate = (float(rng.random() < chance) for chance in chances)
        subject = hashlib.sha256(name.encode()).hexdigest()[:32]
        arm: Literal["control", "candidate"] = "candidate" if unit_of(subject) < attack.share else "control"
        mine, other = (candidate, control) if arm == "candidate" else (control, candidate)
        paired = rng.random() < attack.shadow
        who = Assignment(
            subject=subject, subject_source="session", arm=arm, share=attack.share, stage=0, revision=1
        )
        yield (
            ScoreRecorded(
                event_id=f"s{number}",
                time=AT,
                source="bench",
                rollout_id="r",
                interaction_id=f"i{number}",
                interaction_time=AT,
                assignment=who,
                capability="facts",
                tag_confidence=1.0,
                value=mine,
                other_value=other if paired else None,
                judge="truth",
            ),
            attacks,
        )


def _spec(share: float) -> RolloutSpec:
    return RolloutSpec(
        rollout_id="r",
        model_alias="m",
        base=ModelRef(name="base", sha256="b" * 64),
        candidate=ModelRef(name="candidate", sha256="c" * 64),
        salt="s",
        capabilities=(CapabilityWatch(name="facts", role="adjacent", threshold=THRESHOLD, weight=1.0),),
        stages=(Stage(share=share),),
        alpha=0.01,
        brief_sha256="d" * 64,
        audit=AuditRef(verdict="pass", sha256="e" * 64),
    )
