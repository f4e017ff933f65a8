"""The state of a rollout in a word, with one line of why. Pure.

What is worst is said first: a drop that was found outweighs a judge that is slow.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from router.control.board.told import StateName, Tone, Verdict
from telemetry.events import CapabilityEvidence, DecisionMade, RolloutChanged, WatchReported

QUIET_S: Final = 120.0
"""So long without an interaction is no traffic; so long without a score though there are some, a stale judge."""
SILENT_S: Final = 90.0
"""A worker speaks at least every 30 s (`WorkerReported`); three times in a row it was not heard."""
SUSPICION: Final = 20.0
"""An e-value that chance reaches in one of twenty cases: enough to say so, not enough to act on."""
_SOME: Final = 2.0
RAIL: Final = "guardrail:"


@dataclass(frozen=True, slots=True)
class Known:
    """What a verdict rests on. `held` and `fell` are its last hold of this stage and the decision that rolled it back.

    `moved` is when a worker's count of interactions last grew, `heard` when any spoke.
    """

    state: RolloutChanged
    report: WatchReported | None
    held: DecisionMade | None
    fell: DecisionMade | None
    moved: datetime | None
    heard: datetime | None
    without_data: str | None
    now: datetime


def verdict(known: Known) -> Verdict:
    """The state in a word."""
    return _over(known) or _blind(known) or _alarmed(known) or _stalled(known) or _going(known)


def part(evidence: CapabilityEvidence) -> float:
    """A capability's part of M."""
    return evidence.weight * evidence.e_value if evidence.watched else 0.0


def leading(report: WatchReported) -> CapabilityEvidence | None:
    """The watched capability with the most evidence of a drop."""
    watched = [one for one in report.evidence if one.watched and not is_rail(one)]
    return max(watched, key=part, default=None)


def is_rail(evidence: CapabilityEvidence) -> bool:
    """Whether this is a guardrail's evidence rather than a capability's."""
    return evidence.capability.startswith(RAIL)


def plain(name: str) -> str:
    """A capability's name as people write it."""
    return name.removeprefix(RAIL).replace("_", " ")


def signed(points: float) -> str:
    """A change in points with its sign: minus is worse."""
    return f"{points:+.0f}".replace("-", "\N{MINUS SIGN}")


def units(report: WatchReported) -> int:
    """Units and pairs that have settled in the capabilities."""
    return sum(
        one.control.n + one.candidate.n + one.pairs
        for one in report.evidence
        if one.watched and not is_rail(one)
    )


def _said(name: StateName, tone: Tone, why: str) -> Verdict:
    return Verdict(name=name, tone=tone, why=why)


def _over(known: Known) -> Verdict | None:
    state = known.state
    if state.status == "rolled_back":
        return _said("rolled back", "bad", f"{_fall(known)} All traffic is on base.")
    if state.status == "closed":
        return _said("closed", "over", _sentence(state.reason))
    return None


def _fall(known: Known) -> str:
    """Why it was rolled back: by what was blamed where evidence did it, else in the words of who did it."""
    if known.fell is not None and known.fell.event_id == known.state.decision_id:
        proof = known.fell.proof
        blamed = [one for one in proof.evidence if one.capability in proof.blamed]
        if blamed:
            return "; ".join(f"{plain(one.capability).capitalize()}: {_means(one)}" for one in blamed) + "."
    return _sentence(known.state.reason)


def _blind(known: Known) -> Verdict | None:
    report = known.report
    if report is not None and report.stopped is not None:
        return _said("watch stopped", "bad", _sentence(report.stopped))
    if report is not None and report.e_value >= report.bar:
        return _said("drop found", "bad", _breach(report))
    if known.without_data is not None:
        return _said("watch silent", "warn", _sentence(known.without_data))
    if known.heard is None:
        return _said("awaiting data", "wait", "No worker has been heard of yet: is `belay watch` running?")
    silent = known.now - known.heard
    if silent > timedelta(seconds=SILENT_S):
        return _said(
            "watch silent",
            "bad",
            f"No worker has been heard of for {_span(silent)}: nothing rolls back by itself.",
        )
    if report is None:
        return _said("awaiting data", "wait", "No score of this rollout has come yet.")
    return None


def _alarmed(known: Known) -> Verdict | None:
    report = known.report
    assert report is not None, "_blind() made sure of it"  # noqa: S101 - tells mypy what is so
    failing = [one for one in report.evidence if is_rail(one) and one.e_value >= SUSPICION]
    if failing:
        worst = max(failing, key=lambda one: one.e_value)
        return _said("guardrail failing", "bad", f"{plain(worst.capability).capitalize()}: {_means(worst)}.")
    skewed = [one for one in report.imbalances if one.e_value >= SUSPICION]
    if skewed:
        worst_place = max(skewed, key=lambda one: one.e_value)
        return _said(
            "arms out of proportion",
            "warn",
            f"{worst_place.where}: {worst_place.candidates:,} of {worst_place.units:,} subjects met the candidate, "
            f"{worst_place.expected:,.0f} were expected.",
        )
    drifted = [one for one in report.anchors if one.drifted]
    if drifted:
        blind = ", ".join(plain(name) for one in drifted for name in one.capabilities)
        told = "; ".join(one.told() for one in drifted)
        return _said("judge drifted", "warn", f"{told}. Its scores are no evidence any more: {blind}.")
    if report.missing is not None:
        return _said("scores missing", "warn", _sentence(report.missing))
    return None


def _stalled(known: Known) -> Verdict | None:
    report = known.report
    assert report is not None, "_blind() made sure of it"  # noqa: S101 - tells mypy what is so
    quiet = timedelta(seconds=QUIET_S)
    scored = report.last_score
    if scored is None or known.now - scored <= quiet:
        return None
    ago = _span(known.now - scored)
    if known.moved is not None and known.now - known.moved <= quiet:
        return _said("judge stale", "warn", f"Interactions come, and the last score is {ago} old.")
    return _said(
        "no traffic", "wait", f"Nothing has been scored for {ago}. No data is no good news: it holds."
    )


def _going(known: Known) -> Verdict:
    state, report = known.state, known.report
    assert report is not None, "_blind() made sure of it"  # noqa: S101 - tells mypy what is so
    if str(state.status) in ("paused", "shadow"):
        name: StateName = "paused" if str(state.status) == "paused" else "shadow"
        return _said(name, "wait", _sentence(state.reason))
    found = units(report)
    if found == 0:
        return _said(
            "awaiting data", "wait", f"{report.settled:,} scores, none of them a unit or a pair yet."
        )
    wanted = sum(stage.min_units for stage in state.spec.stages[: state.stage + 1])
    if state.status == "ramping" and found < wanted:
        return _said("below sample", "wait", f"{found:,} of {wanted:,} units. {_nearest(report)}")
    if state.status == "promoted":
        return _said(
            "promoted", "good", f"The holdback stays on base and the watch goes on. {_nearest(report)}"
        )
    held = f" It stays: {_sentence(known.held.reason)}" if known.held is not None else ""
    return _said("watching", "good", f"{_nearest(report)}{held}")


def _nearest(report: WatchReported) -> str:
    if report.e_value < _SOME:
        return "No evidence of a drop."
    first = leading(report)
    where = "spread over the capabilities"
    if first is not None and part(first) >= report.e_value / 3:
        where = f"most of it in {plain(first.capability)}"
    return f"Evidence of a drop: {report.e_value:,.3g} of {report.bar:,.0f}, {where}."


def _breach(report: WatchReported) -> str:
    first = leading(report)
    if first is None:
        return f"The evidence reached {report.bar:,.0f}."
    name = plain(first.capability).capitalize()
    known = next((change for change in report.changes if change.capability == first.capability), None)
    if known is None:
        return f"{name}: {_means(first)}."
    low, high = signed(100 * known.low), signed(100 * known.high)
    # Units alone may say something else than units and pairs together, which is what the table shows.
    units = f" Units: {_shares(first)}." if first.control.n and first.candidate.n else ""
    return f"{name}: {signed(100 * known.estimate)} points, between {low} and {high}.{units}"


def _means(one: CapabilityEvidence) -> str:
    if one.control.mean is not None and one.candidate.mean is not None:
        change = signed(100 * (one.candidate.mean - one.control.mean))
        return f"{_shares(one)} ({change} points)"
    if one.pair_gap is not None:
        return f"{signed(-100 * one.pair_gap)} points over {one.pairs:,} pairs"
    return f"evidence {one.e_value:,.3g}"


def _shares(one: CapabilityEvidence) -> str:
    return f"{one.candidate.mean or 0.0:.0%} with the candidate, {one.control.mean or 0.0:.0%} with base"


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _span(time: timedelta) -> str:
    seconds = time.total_seconds()
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"
