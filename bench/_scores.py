"""Rollouts and scores as simulations of the watch make them: everything that they do not speak of is the same."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from telemetry.events import (
    Arm,
    Assignment,
    AuditRef,
    CapabilityWatch,
    ModelRef,
    RolloutSpec,
    ScoreRecorded,
    Stage,
)

AT: Final = datetime(2026, 3, 1, tzinfo=UTC)


def rollout(thresholds: Mapping[str, float], share: float = 0.5) -> RolloutSpec:
    """A rollout of one stage that watches these adjacent capabilities, each as much as any other."""
    model = ModelRef(name="m", sha256="0" * 64)
    return RolloutSpec(
        rollout_id="bench",
        model_alias="m",
        base=model,
        candidate=model,
        salt="0",
        capabilities=tuple(
            CapabilityWatch(name=name, role="adjacent", threshold=delta, weight=1.0 / len(thresholds))
            for name, delta in thresholds.items()
        ),
        stages=(Stage(share=share),),
        brief_sha256="0",
        audit=AuditRef(verdict="pass", sha256="0"),
    )


def score(
    at: int,
    capability: str,
    value: float,
    other: float | None,
    *,
    subject: str,
    arm: Arm = "control",
    share: float = 0.5,
) -> ScoreRecorded:
    """The `at`-th score: `value` is of the subject's arm, `other` of the other one where both answered."""
    return ScoreRecorded(
        event_id=str(at),
        time=AT,
        source="bench",
        rollout_id="bench",
        interaction_id=str(at),
        interaction_time=AT,
        assignment=Assignment(
            subject=subject, subject_source="session", arm=arm, share=share, stage=0, revision=1
        ),
        capability=capability,
        tag_confidence=1.0,
        value=value,
        other_value=other,
        judge="bench",
    )
