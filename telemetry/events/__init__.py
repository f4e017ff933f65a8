"""The words on the wire: small frozen values in the past tense, a file a subject; from outside all from here.

Each event knows its CloudEvents type, its topic and its partition key; `telemetry.codec` does the rest.
Times are UTC. Durations are milliseconds. Scores are in [0, 1].
"""

from __future__ import annotations

from telemetry.events.base import (
    DAYS,
    Action,
    AdvancePolicy,
    Arm,
    Day,
    Event,
    Fraction,
    LogPlace,
    Status,
    SubjectSource,
    TextPolicy,
    Value,
    derived_id,
    new_id,
    now,
)
from telemetry.events.decisions import (
    STAGE_DONE,
    STALE_JUDGE,
    ArmCount,
    CapabilityEvidence,
    DecisionMade,
    Proof,
)
from telemetry.events.interactions import (
    CUT_BY_ROUTER,
    Answer,
    Assignment,
    InteractionRecorded,
    Message,
    ShadowAnswered,
    ShadowDraw,
    SpoolPlace,
)
from telemetry.events.letters import DeadLettered
from telemetry.events.rollouts import Allotment, ChangeAudited, RolloutChanged
from telemetry.events.scores import AnswerGraded, ScoreRecorded, ScoresRecorded
from telemetry.events.snapshots import DeciderMarked, SnapshotHead, SnapshotTaken, SubjectsMet
from telemetry.events.specs import (
    DEFAULT_ROUTE,
    AuditRef,
    Blind,
    CapabilityWatch,
    Clock,
    Guardrail,
    ModelRef,
    RolloutSpec,
    Stage,
    Window,
)
from telemetry.events.watch import Change, Imbalanced, WatchReported, Weighed, WorkerReported

__all__ = [
    "CUT_BY_ROUTER",
    "DAYS",
    "DEFAULT_ROUTE",
    "EVENTS",
    "STAGE_DONE",
    "STALE_JUDGE",
    "Action",
    "AdvancePolicy",
    "Allotment",
    "Answer",
    "AnswerGraded",
    "Arm",
    "ArmCount",
    "Assignment",
    "AuditRef",
    "Blind",
    "CapabilityEvidence",
    "CapabilityWatch",
    "Change",
    "ChangeAudited",
    "Clock",
    "Day",
    "DeadLettered",
    "DeciderMarked",
    "DecisionMade",
    "Event",
    "Fraction",
    "Guardrail",
    "Imbalanced",
    "InteractionRecorded",
    "LogPlace",
    "Message",
    "ModelRef",
    "Proof",
    "RolloutChanged",
    "RolloutSpec",
    "ScoreRecorded",
    "ScoresRecorded",
    "ShadowAnswered",
    "ShadowDraw",
    "SnapshotHead",
    "SnapshotTaken",
    "SpoolPlace",
    "Stage",
    "Status",
    "SubjectSource",
    "SubjectsMet",
    "TextPolicy",
    "Value",
    "WatchReported",
    "Weighed",
    "Window",
    "WorkerReported",
    "derived_id",
    "new_id",
    "now",
]

EVENTS: tuple[type[Event], ...] = (
    InteractionRecorded,
    ShadowAnswered,
    ScoreRecorded,
    ScoresRecorded,
    AnswerGraded,
    RolloutChanged,
    DecisionMade,
    SnapshotTaken,
    SnapshotHead,
    SubjectsMet,
    DeciderMarked,
    WatchReported,
    WorkerReported,
    ChangeAudited,
    DeadLettered,
)
