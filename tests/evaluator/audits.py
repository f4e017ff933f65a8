"""Audits of scripted models, for the tests of gate and report."""

from __future__ import annotations

from evaluator.audit import run_audit
from evaluator.baseline import Baseline, binding_of, record_baseline
from evaluator.brief import LoadedBrief
from evaluator.gate import AuditResult
from telemetry.events import ModelRef
from tests.evaluator.briefs import brief, model

BASE = ModelRef(name="base", sha256="a" * 64)
CANDIDATE = ModelRef(name="support-naive", sha256="c" * 64)
BASE_SCORES = {"support": 0.3, "facts": 0.9, "sums": 1.0, "riddles": 0.0}


def baseline(loaded: LoadedBrief) -> Baseline:
    """What base answers."""
    return record_baseline(loaded, model(**BASE_SCORES), binding_of(loaded, BASE.sha256, "engine 1"))


def audit(items: int = 60, **candidate: float) -> AuditResult:
    """The audit of a candidate that differs from base in what is given."""
    loaded = brief(items=items)
    return run_audit(
        loaded,
        baseline(loaded),
        model(**(BASE_SCORES | candidate)),
        base=BASE,
        candidate=CANDIDATE,
        binding=binding_of(loaded, BASE.sha256, "engine 1"),
    )
