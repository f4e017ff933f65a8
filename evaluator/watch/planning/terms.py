"""The terms of a rollout: what is watched, at which margins, in which stages; fixed before it starts."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from evaluator.audit.baseline import Baseline
from evaluator.audit.measure_baseline import MeasureBaseline
from evaluator.briefs.brief import Capability, LoadedBrief
from evaluator.judge.judges.calibration import Calibration
from evaluator.judge.judges.error import JudgeError
from evaluator.watch.planning.judge_terms import (
    JudgeTerms,
    of_calibration,
    of_error,
    uncalibrated,
    within_reach,
)
from telemetry.events import AdvancePolicy, AuditRef, CapabilityWatch, ModelRef, RolloutSpec, Stage

Measured = Calibration | JudgeError
"""What is known of a judge that is no program: from gold pairs (graded), or from gold labels (good or bad)."""
NOTHING: Final[Mapping[str, Measured]] = MappingProxyType({})

PEOPLE: Final = 0.25
"""Of alpha for people's grades where they grade: the judges' test needs some 4% more samples for it."""
MARGINS = (0.15, 0.08, 0.05)
"""Of the first stages under the policy `evidence`: an early stage can only prove a wide margin in reasonable time.
The stages after them prove each capability's own threshold."""
_NEVER_MEASURED: Final[Mapping[str, str]] = MappingProxyType(
    {"agreement": "likeness to base", "likelihood": "how likely base finds it"}
)
"""Judges of which no audit says how far they err."""


def brief_watches(
    loaded: LoadedBrief, baseline: Baseline, calibrations: Mapping[str, Measured] = NOTHING
) -> tuple[CapabilityWatch, ...]:
    """One watch for each capability, in the brief's order; the watched ones share the weight 1 evenly.

    `calibrations` says, by capability, what was measured of the judge that scores it where no program does, or
    beside one. Not watched, and each with its reason, are those that base is at the floor in, those whose answers
    nobody can score, and those whose judge could not prove a drop: a weight that nothing can ever use is taken from
    those that can be watched.
    """
    terms = [_judged(c, baseline, calibrations.get(c.name)) for c in loaded.brief.capabilities]
    silent = [_silent(baseline.capability(c.name)) for c in loaded.brief.capabilities]
    whole = sum(why is None and judged.unwatched is None for why, judged in zip(silent, terms, strict=True))
    return tuple(
        CapabilityWatch(
            name=c.name,
            role=c.role,
            threshold=judged.threshold,
            weight=1.0 / whole if why is None and not judged.holds else 0.0,
            watched=why is None and not judged.holds,
            judged_by=judged.judged_by,
            tolerated=judged.tolerated,
            judge_power=judged.judge_power,
            judge_hides=judged.judge_hides,
            unwatched=why or judged.unwatched,
            holds=why is None and judged.holds,
        )
        for c, why, judged in zip(loaded.brief.capabilities, silent, terms, strict=True)
    )


def _silent(base: MeasureBaseline) -> str | None:
    """Why nothing can be seen of a capability, whoever judges; None where something can."""
    if base.not_measured is not None:
        return f"not measured: {base.not_measured}"
    return None if base.at_floor is None else f"at the floor: {base.at_floor}"


def _judged(capability: Capability, baseline: Baseline, measured: Measured | None) -> JudgeTerms:
    """The terms that a capability's judge leaves it."""
    verifier, endpoint = capability.judge.verifier, capability.judge.endpoint
    if measured is None:
        for way, named in _NEVER_MEASURED.items():
            if endpoint is None and way in capability.judge.unseen:
                return uncalibrated(capability.threshold, named)
        if endpoint is None:
            return JudgeTerms(threshold=capability.threshold)
        return uncalibrated(capability.threshold, f"the model {endpoint.model}")
    judge = "program or learned judge" if endpoint is None else f"the model {endpoint.model}"
    if isinstance(measured, Calibration):
        terms = of_calibration(capability.threshold, measured, judge)
    else:
        terms = of_error(capability.threshold, measured, judge, partly_program=verifier is not None)
    base = baseline.capability(capability.name)
    return within_reach(terms, None if base.mean is None else base.mean - base.chance)


def stages_of(shares: Sequence[tuple[float, int]], advance: AdvancePolicy) -> tuple[Stage, ...]:
    """Stages out of (share, least units): under the policy `evidence` the first ones with the margin they can prove."""
    margins = MARGINS if advance == "evidence" else ()
    return tuple(
        Stage(share=share, min_units=units, margin=margins[n] if n < len(margins) else None)
        for n, (share, units) in enumerate(shares)
    )


def rollout_spec(
    loaded: LoadedBrief,
    baseline: Baseline,
    *,
    base: ModelRef,
    candidate: ModelRef,
    alias: str,
    stages: Sequence[Stage],
    shadow: float,
    audit: AuditRef,
    advance: AdvancePolicy = "schedule",
    calibrations: Mapping[str, Measured] = NOTHING,
    people: bool = False,
    most_of_key: float | None = None,
) -> RolloutSpec:
    """Everything that a rollout fixes before it starts. `calibrations` as `brief_watches` takes them.

    With `people` what they grade during the rollout is part of its evidence; `most_of_key` bounds one API key's part of
    it.
    """
    return RolloutSpec(
        rollout_id=f"r-{uuid.uuid4().hex[:8]}",
        model_alias=alias,
        base=base,
        candidate=candidate,
        salt=secrets.token_hex(16),
        capabilities=brief_watches(loaded, baseline, calibrations),
        stages=tuple(stages),
        advance=advance,
        shadow=shadow,
        people=PEOPLE if people else 0.0,
        most_of_key=most_of_key,
        brief_sha256=loaded.sha256,
        audit=audit,
    )
