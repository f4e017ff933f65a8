"""The gate: from what was measured to one verdict, and what stands in its way, in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from evaluator.audit.diff.paired import pairs_to_pass
from evaluator.audit.diff.paired_set import Verdict
from evaluator.audit.measures.items_measure import ITEMS
from evaluator.audit.result import CapabilityAudit, MeasureAudit
from telemetry.events import Value


class Ruling(Value):
    """The gate's verdict and its reasons, the weightiest first."""

    verdict: Verdict
    findings: tuple[str, ...]


def judge_audit(capabilities: Sequence[CapabilityAudit]) -> Ruling:
    """The verdict over all capabilities.

    `fail` as soon as one watched capability certainly dropped beyond its threshold; `pass` only where every
    watched one is certain; else `inconclusive`, also where none is watched. Those at the floor have no say,
    and are listed. What is not measured is watched all the same: nobody knows that nothing was lost there.
    """
    watched = [c for c in capabilities if c.at_floor is None]
    failed = [c for c in watched if c.verdict == "fail"]
    passed = [c for c in watched if c.verdict == "pass"]
    verdict: Verdict = (
        "fail" if failed else "pass" if watched and len(passed) == len(watched) else "inconclusive"
    )
    measures = [m for c in capabilities for m in c.measures]
    fallen = [m for m in measures if m.verdict == "fail"]
    findings = [
        *_target(capabilities, failed),
        *(_fall(m, capabilities) for m in sorted(fallen, key=lambda m: -(m.gap or 0.0))),
        *_not_measured(measures),
        *_unable([m for m in measures if not m.not_measured]),
        *_open([m for m in measures if m.verdict == "inconclusive" and not m.silent]),
        *_floor(measures),
        *_early_warning([m for m in measures if m.verdict != "fail"]),
    ]
    if not watched:
        findings.insert(0, "No capability is above the floor: there is nothing that this audit could see.")
    return Ruling(verdict=verdict, findings=tuple(findings))


def _target(capabilities: Sequence[CapabilityAudit], failed: Sequence[CapabilityAudit]) -> list[str]:
    """What became of the target where it improved or passed; beside a fallen capability, the cliff by its name."""
    target = next((c for c in capabilities if c.role == "target"), None)
    if target is None:
        return []
    gap = target.items.gap or 0.0
    sure = "" if target.items.upper < 0.0 else " (not certain)"
    better = f"the target {target.name} improved by {-100 * gap:.0f} points{sure}"
    general = [c.name for c in failed if c.role == "adjacent"]
    if general and (gap < 0.0 or target.verdict == "pass"):
        custom = better if gap < 0.0 else f"the target {target.name} passes"
        return [
            f"Overfitting: custom passes, general fails. {_capital(custom)}, while {_listed(general)} fell."
        ]
    return [f"{_capital(better)}."] if gap < 0.0 else []


def _fall(measure: MeasureAudit, capabilities: Sequence[CapabilityAudit]) -> str:
    critical = next(c.critical for c in capabilities if c.name == measure.capability)
    return (
        f"{_called(measure)}{', which is critical,' if critical else ''} fell by {100 * (measure.gap or 0.0):.0f} "
        f"points, certainly by more than {_points(measure.fail_beyond)}; tolerated are {_points(measure.threshold)}."
    )


def _not_measured(measures: Sequence[MeasureAudit]) -> list[str]:
    return [
        f"Not measured, so nothing is certain of {_called(m)}: {m.not_measured}."
        for m in measures
        if m.not_measured
    ]


def _unable(measures: Sequence[MeasureAudit]) -> list[str]:
    return [f"Nothing can be told of {_called(m)}: {m.unable}." for m in measures if m.unable]


def _open(undecided: Sequence[MeasureAudit]) -> list[str]:
    """What is not certain: what was cut short, what too few items were there for, and what more might tell."""
    cut = [_called(m) for m in undecided if m.stopped == "another failed"]
    rest = [m for m in undecided if m.stopped != "another failed"]
    judged = [f"{_called(m)} ({m.no_pass})" for m in rest if m.no_pass]
    proved = [(m, m.pass_within) for m in rest if m.pass_within is not None]
    needed = {m.label: pairs_to_pass(within, m.alpha_pass) for m, within in proved}
    few = [f"{_called(m)} ({m.items} of {needed[m.label]})" for m, _ in proved if m.items < needed[m.label]]
    close = [_called(m) for m, _ in proved if m.items >= needed[m.label]]
    found = []
    if close:
        found.append(f"Not certain, more items would tell: {_listed(close)}.")
    if few:
        found.append(f"Fewer items than a pass takes even if nothing changes: {_listed(few)}.")
    if judged:
        found.append(f"A pass cannot be proved with such a judge: {_listed(judged)}.")
    if cut:
        found.append(f"Not asked to the end, since another failure had settled it: {_listed(cut)}.")
    return found


def _floor(measures: Sequence[MeasureAudit]) -> list[str]:
    named = [f"{_called(m)} ({m.at_floor})" for m in measures if m.at_floor]
    return [f"At the floor, without a say: {_listed(named)}."] if named else []


def _early_warning(measures: Sequence[MeasureAudit]) -> list[str]:
    """Where the gold answers have certainly become less likely, though the score has not certainly fallen."""
    moved = [
        f"{_called(m)} (by {m.nll.change:+.2f} nats per token)"
        for m in measures
        if m.nll and m.nll.lower > 0.0
    ]
    if not moved:
        return []
    return [f"Early warning, without a say: the right answers became less likely in {_listed(moved)}."]


def _called(measure: MeasureAudit) -> str:
    """The capability's name where its items measured it, else the benchmark's beside it."""
    return measure.capability if measure.name == ITEMS else f"{measure.capability} ({measure.name})"


def _points(part: float) -> str:
    return f"{100 * part:.3g}"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
