"""The audit: base and candidate answer the same items until every verdict is certain, and the gate judges."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from evaluator.audit.asking.answering import Answers, RecordedBase
from evaluator.audit.audit_measure import audited
from evaluator.audit.baseline import Baseline, Binding
from evaluator.audit.diff.settings import GateSettings
from evaluator.audit.gate import judge_audit
from evaluator.audit.measures.answers import ItemAnswer, Progress, silent
from evaluator.audit.measures.measure import Measure
from evaluator.audit.result import AuditResult, CapabilityAudit, Cost, JudgeCalibration, MeasureAudit
from evaluator.audit.sequential_audit import ask_until_certain
from evaluator.audit.state import Asked
from evaluator.audit.terms import terms_of
from evaluator.briefs.brief import LoadedBrief
from evaluator.judge.judges.suite import JudgeFinding
from telemetry.errors import BaselineError, InfrastructureError
from telemetry.events import ModelRef, Value, now

AT_ONCE: Final = 4
"""Measures asked together; each has up to sixteen prompts at an engine."""
TWIN_PAIRS: Final = 30
"""So many answers alike, and none that differs, are not the work of two models."""


class Spent(Value):
    """What the engines did for an audit: calls and generated tokens, and cached answers that were damaged."""

    calls: int
    tokens: int
    damaged: int


def run_audit(
    loaded: LoadedBrief,
    measures: Sequence[Measure],
    baseline: Baseline,
    candidate: Answers,
    *,
    refs: tuple[ModelRef, ModelRef],
    binding: Binding,
    base: Answers | None = None,
    judges: Mapping[str, JudgeFinding] | None = None,
    settings: GateSettings | None = None,
    spent: Callable[[], Spent] | None = None,
    asked_of: Callable[[Sequence[Asked]], None] | None = None,
    progress: Progress = silent,
) -> AuditResult:
    """Ask and compare. `refs` name base and candidate; `binding` is how they are asked.

    Base's answers come from the baseline; `base` answers what a lazy one left. `asked_of` is handed all that was asked
    and answered. Raises BaselineError where the baseline
    was recorded under another binding, InfrastructureError where the candidate answers exactly as base though it is
    another model, EngineFailed where an engine does not answer.
    """
    baseline.require(binding)
    settings, judges = settings or GateSettings(), judges or {}
    started, began = now(), time.monotonic()
    recorded = RecordedBase(_known(measures, baseline), base)
    asked = ask_until_certain(
        terms_of(loaded, measures, baseline, judges),
        recorded,
        candidate,
        settings,
        progress,
        at_once=AT_ONCE,
    )
    if refs[0].sha256 != refs[1].sha256:
        _refuse_a_twin(asked)
    if asked_of is not None:
        asked_of(asked)
    capabilities = _capabilities(loaded, [audited(a, settings) for a in asked])
    ruling = judge_audit(capabilities)
    return AuditResult(
        verdict=ruling.verdict,
        findings=ruling.findings,
        brief=loaded.brief.name,
        brief_version=loaded.brief.version,
        base=refs[0],
        candidate=refs[1],
        binding=binding,
        settings=settings,
        started=started,
        seconds=time.monotonic() - began,
        cost=_cost(measures, recorded, candidate, spent() if spent else None),
        judges=tuple(_calibration(name, finding) for name, finding in judges.items()),
        capabilities=capabilities,
    )


def _known(measures: Sequence[Measure], baseline: Baseline) -> dict[tuple[str, str], dict[str, ItemAnswer]]:
    found = {}
    for measure in measures:
        known = baseline.measure(measure.capability, measure.name)
        answers = {answer.item: answer for answer in known.answers}
        if known.recorded and answers.keys() != {item.id for item in measure.items}:
            raise BaselineError(
                f"{measure.capability}/{measure.name}: the baseline has other items than the measure",
                hint="Record it anew: `belay baseline`.",
            )
        found[measure.capability, measure.name] = answers
    return found


def _refuse_a_twin(asked: Sequence[Asked]) -> None:
    """A candidate whose adapter was silently not loaded answers as base in everything: an error, never a pass.

    Answers alike word for word are its sign, and where log-likelihoods were measured, those alike to the last digit.
    """
    pairs = [pair for one in asked for draw in one.pairs for pair in draw]
    alike = all((b.answer, b.gold_nll) == (c.answer, c.gold_nll) for b, c in pairs)
    if alike and len(pairs) >= TWIN_PAIRS:
        raise InfrastructureError(
            f"the candidate gave base's answer, word for word, to all {len(pairs)} items, though its files differ",
            hint="Does its endpoint really serve the candidate (the adapter loaded, the model's name right)?",
        )


def _capabilities(loaded: LoadedBrief, measures: Sequence[MeasureAudit]) -> tuple[CapabilityAudit, ...]:
    return tuple(
        CapabilityAudit(
            name=c.name,
            role=c.role,
            critical=c.critical,
            why=c.why,
            measures=tuple(m for m in measures if m.capability == c.name),
        )
        for c in loaded.brief.capabilities
    )


def _cost(measures: Sequence[Measure], base: Answers, candidate: Answers, spent: Spent | None) -> Cost:
    return Cost(
        full=2 * sum(len(m.items) for m in measures),
        candidate_asked=candidate.asked,
        candidate_reused=candidate.reused,
        base_asked=base.asked,
        base_reused=base.reused,
        damaged=spent.damaged if spent else 0,
        calls=spent.calls if spent else None,
        tokens=spent.tokens if spent else None,
    )


def _calibration(capability: str, finding: JudgeFinding) -> JudgeCalibration:
    s, c = finding.error.sensitivity, finding.error.specificity
    return JudgeCalibration(
        capability=capability,
        answers=finding.n,
        mistakes=len(finding.mistakes),
        tells_apart=finding.tells_apart,
        sensitivity=(s.low, s.estimate, s.high),
        specificity=(c.low, c.estimate, c.high),
    )
