"""The audit: a candidate answers what base answered, item by item, and the gate judges the differences."""

from __future__ import annotations

import time
from collections.abc import Sequence

from evaluator.asking import Ask, ItemAnswer, Progress, answer_items, silent
from evaluator.baseline import Baseline, Binding, CapabilityBaseline
from evaluator.brief import Capability, LoadedBrief
from evaluator.diff import paired_diff
from evaluator.gate import AuditResult, CapabilityAudit, GateSettings, ItemPair, judge_audit
from evaluator.judge import Judge
from telemetry.errors import BaselineError
from telemetry.events import ModelRef, now


def run_audit(
    loaded: LoadedBrief,
    baseline: Baseline,
    ask: Ask,
    *,
    base: ModelRef,
    candidate: ModelRef,
    binding: Binding,
    settings: GateSettings | None = None,
    progress: Progress = silent,
) -> AuditResult:
    """Ask the candidate and compare. `binding` is how it is asked; BaselineError where the baseline was not."""
    baseline.require(binding)
    settings = settings or GateSettings()
    started, began = now(), time.monotonic()
    answers = answer_items(loaded, ask, Judge(loaded), progress)
    capabilities = compare(loaded, baseline, answers, settings)
    ruling = judge_audit(capabilities)
    return AuditResult(
        verdict=ruling.verdict,
        findings=ruling.findings,
        brief=loaded.brief.name,
        brief_version=loaded.brief.version,
        base=base,
        candidate=candidate,
        binding=binding,
        settings=settings,
        started=started,
        seconds=time.monotonic() - began,
        capabilities=capabilities,
    )


def compare(
    loaded: LoadedBrief,
    baseline: Baseline,
    answers: dict[str, tuple[ItemAnswer, ...]],
    settings: GateSettings,
) -> tuple[CapabilityAudit, ...]:
    """Every capability's paired difference, in the order of the brief. Pure."""
    watched = sum(c.at_floor is None for c in baseline.capabilities)
    alpha = settings.alpha_fail / max(watched, 1)
    return tuple(
        _compare_one(c, baseline.capability(c.name), answers[c.name], alpha, settings)
        for c in loaded.brief.capabilities
    )


def _compare_one(
    capability: Capability,
    before: CapabilityBaseline,
    after: Sequence[ItemAnswer],
    alpha: float,
    settings: GateSettings,
) -> CapabilityAudit:
    by_item = {answer.item: answer for answer in after}
    if by_item.keys() != {answer.item for answer in before.answers}:
        raise BaselineError(
            f"{capability.name}: the baseline has other items than the candidate was asked",
            hint="Record it anew: `belay baseline`.",
        )
    pairs = [(old, by_item[old.item]) for old in before.answers]
    changes = [(_change(old, new), old, new) for old, new in pairs]
    lost = sorted((c for c in changes if c[0] > 0.0), key=lambda c: -c[0])
    return CapabilityAudit(
        name=capability.name,
        role=capability.role,
        critical=capability.critical,
        why=capability.why,
        at_floor=before.at_floor,
        diff=paired_diff(
            [old.value for old, _ in pairs],
            [new.value for _, new in pairs],
            capability.threshold,
            alpha,
            alpha_pass=settings.alpha_pass,
        ),
        lost=len(lost),
        gained=sum(change < 0.0 for change, _, _ in changes),
        worst=tuple(_pair(old, new) for _, old, new in lost[: settings.worst_pairs]),
    )


def _change(old: ItemAnswer, new: ItemAnswer) -> float:
    """How much an item lost; nothing where one side has no score."""
    return old.value - new.value if old.value is not None and new.value is not None else 0.0


def _pair(old: ItemAnswer, new: ItemAnswer) -> ItemPair:
    return ItemPair(
        item=old.item,
        prompt=old.prompt,
        base=old.answer,
        candidate=new.answer,
        base_value=old.value,
        candidate_value=new.value,
        candidate_reason=new.reason,
    )
