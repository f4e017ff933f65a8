"""What is told of audits and trainings, as values. Fractions are in [0, 1]; minus is worse."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from telemetry.events import Value

AuditVerdict = Literal["pass", "fail", "inconclusive"]


class Measured(Value):
    """One capability by the brief's own items. `change` is candidate - base, `low` and `high` its bounds.

    None where it was not measured; `silent` says why it tells nothing.
    """

    name: str
    role: Literal["target", "adjacent"]
    base: float | None
    candidate: float | None
    change: float | None
    low: float | None
    high: float | None
    verdict: AuditVerdict
    silent: str | None


class AuditTold(Value):
    """One audit. `target` is the candidate's mean on the target, `retention` 1 - the mean relative loss elsewhere.

    `page` is where its report is shown, for a while; None where there is none, or whoever asks may not see it.
    """

    name: str
    at: AwareDatetime
    seconds: float
    verdict: AuditVerdict
    findings: tuple[str, ...]
    base: str
    candidate: str
    candidate_sha256: str
    brief: str
    base_target: float | None
    target: float | None
    retention: float | None
    capabilities: tuple[Measured, ...]
    calls: int | None
    page: str | None = None


class Checkpoint(Value):
    """One checkpoint of a training: its step, what it is worth on tuning items, and how many capabilities fell."""

    step: int
    target: float | None
    retention: float | None
    fallen: int


class TrainingTold(Value):
    """One training. `recipe` says in some words what was done beyond plain LoRA.

    `target` and `retention` are those of its audit where there is one (`measured` is `audit`), else of the checkpoint
    that was taken.
    """

    name: str
    at: AwareDatetime
    base_sha256: str | None
    recipe: tuple[str, ...]
    steps: int
    checkpoint: int
    learning_rate: float
    examples: int
    alarms: int
    merge: str
    checkpoints: tuple[Checkpoint, ...]
    measured: Literal["audit", "checkpoint"] | None
    verdict: AuditVerdict | None
    base_target: float | None
    target: float | None
    retention: float | None
    page: str | None = None


class Unreadable(Value):
    """A report that cannot be read, and why."""

    name: str
    why: str


class Audits(Value):
    """The newest audits first. `missing` says why there are none to look for, `left_out` counts those not read."""

    found: tuple[AuditTold, ...]
    unreadable: tuple[Unreadable, ...]
    left_out: int
    missing: str | None


class Trainings(Value):
    """The newest trainings first; the rest as of `Audits`."""

    found: tuple[TrainingTold, ...]
    unreadable: tuple[Unreadable, ...]
    left_out: int
    missing: str | None
