"""Audits of scripted models, for the tests of gate and report."""

from __future__ import annotations

from evaluator.audit.asking.answering import CachedModel, Conditions
from evaluator.audit.audit import Spent, run_audit
from evaluator.audit.baseline import Baseline, Binding, binding_of, record_baseline
from evaluator.audit.brief_measures import brief_measures
from evaluator.audit.diff.settings import GateSettings
from evaluator.audit.measures.measure import Measure, ServedModel
from evaluator.audit.result import AuditResult
from evaluator.briefs.brief import LoadedBrief
from evaluator.judge.judges.judge import Judge
from telemetry.events import ModelRef
from tests.evaluator.support.briefs import SHAS, brief, model

BASE = ModelRef(name="base", sha256=SHAS["base"])
CANDIDATE = ModelRef(name="support-naive", sha256=SHAS["candidate"])
BASE_SCORES = {"support": 0.3, "facts": 0.9, "sums": 1.0, "riddles": 0.0}


def measures_of(loaded: LoadedBrief) -> tuple[Measure, ...]:
    return brief_measures(loaded, Judge(loaded))


def binding(loaded: LoadedBrief, engine: str = "engine 1", temperature: float = 0.0) -> Binding:
    return binding_of(
        loaded,
        measures_of(loaded),
        base_sha256=BASE.sha256,
        judge_version=Judge(loaded).version,
        engine_version=engine,
        temperature=temperature,
    )


def arm(served: ServedModel) -> CachedModel:
    """A model without a cache."""
    return CachedModel(served, Conditions(model_sha256=served.sha256, engine_version="engine 1"))


def baseline(loaded: LoadedBrief, items: int = 60, **changes: float) -> Baseline:
    """What base answers."""
    base = arm(model("base", items, **(BASE_SCORES | changes)))
    return record_baseline(measures_of(loaded), base, binding(loaded))


def audit(
    items: int = 60,
    settings: GateSettings | None = None,
    candidate_ref: ModelRef = CANDIDATE,
    **candidate: float,
) -> AuditResult:
    """The audit of a candidate that differs from base in what is given."""
    loaded = brief(items=items)
    return run_audit(
        loaded,
        measures_of(loaded),
        baseline(loaded, items),
        arm(model("candidate", items, **(BASE_SCORES | candidate))),
        refs=(BASE, candidate_ref),
        binding=binding(loaded),
        settings=settings,
        spent=lambda: Spent(calls=12, tokens=3456, damaged=0),
    )
