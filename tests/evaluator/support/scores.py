"""Builds rollout specs and streams of scores for the tests of the gate. Seeded; no clock."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

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

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def rollout(
    names: Sequence[str] = ("target", "facts", "json"),
    *,
    floor: Sequence[str] = (),
    threshold: float = 0.02,
    stages: Sequence[Stage] = (Stage(share=0.5),),
    advance: str = "manual",
    alpha: float = 0.01,
) -> RolloutSpec:
    """A spec over `names`, the first of which is the target; those in `floor` are not watched."""
    watched = [n for n in names if n not in floor]
    return RolloutSpec(
        rollout_id="r1",
        model_alias="m",
        base=ModelRef(name="base", sha256="b" * 64),
        candidate=ModelRef(name="candidate", sha256="c" * 64),
        salt="salt",
        capabilities=tuple(
            CapabilityWatch(
                name=name,
                role="target" if name == names[0] else "adjacent",
                threshold=threshold,
                weight=1.0 / len(watched) if name in watched else 0.0,
                watched=name in watched,
            )
            for name in names
        ),
        stages=tuple(stages),
        advance=advance,
        alpha=alpha,
        brief_sha256="d" * 64,
        audit=AuditRef(verdict="pass", sha256="e" * 64),
    )


def restored(evidence: RolloutEvidence, before: bytes = b"") -> tuple[RolloutEvidence, bytes]:
    """The evidence through its snapshot, and all entries so far; `before` are those of the snapshots before."""
    entries = before + evidence.draws.taken()
    state = json.loads(json.dumps(evidence.to_snapshot()))
    return RolloutEvidence.from_snapshot(evidence.spec, state, entries), entries


def score(
    number: int,
    *,
    subject: str | None = None,
    arm: str = "control",
    share: float = 0.5,
    stage: int = 0,
    capability: str | None = "facts",
    value: float | None = 1.0,
    other: float | None = None,
    rollout_id: str = "r1",
) -> ScoreRecorded:
    """The `number`-th score; everything about it is a function of the arguments."""
    at = START + timedelta(seconds=number)
    return ScoreRecorded(
        event_id=f"score-{number}",
        time=at,
        source="test",
        rollout_id=rollout_id,
        interaction_id=f"interaction-{number}",
        interaction_time=at,
        assignment=Assignment(
            subject=f"subject-{number}" if subject is None else subject,
            subject_source="session",
            arm=arm,
            share=share,
            stage=stage,
            revision=stage,
        ),
        capability=capability,
        tag_confidence=0.9,
        value=value,
        unscored=None if value is not None else "no_reference",
        other_value=other,
        judge="j1",
    )


def stream(
    count: int,
    *,
    seed: int,
    means: dict[str, tuple[float, float]],
    share: float = 0.5,
    shadow: float = 0.0,
    returning: float = 0.0,
) -> Iterator[ScoreRecorded]:
    """`count` scores of random subjects; `means` gives each capability's success rate per arm."""
    rng = random.Random(seed)
    names = list(means)
    subjects: list[str] = []
    for number in range(count):
        if subjects and rng.random() < returning:
            subject = rng.choice(subjects)
        else:
            subject = hashlib.sha256(f"{seed}-{number}".encode()).hexdigest()[:32]
            subjects.append(subject)
        name = rng.choice(names)
        control = float(rng.random() < means[name][0])
        candidate = float(rng.random() < means[name][1])
        arm = "candidate" if unit_of(subject) < share else "control"
        value, other = (candidate, control) if arm == "candidate" else (control, candidate)
        yield score(
            number,
            subject=subject,
            arm=arm,
            share=share,
            capability=name,
            value=value,
            other=other if rng.random() < shadow else None,
        )
