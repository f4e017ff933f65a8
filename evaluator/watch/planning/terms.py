"""The terms of a rollout: what is watched, at which margins, in which stages; fixed before it starts."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence

from evaluator.audit.baseline import Baseline
from evaluator.briefs.brief import LoadedBrief
from telemetry.events import AdvancePolicy, AuditRef, CapabilityWatch, ModelRef, RolloutSpec, Stage

MARGINS = (0.15, 0.08, 0.05)
"""Of the first stages under the policy `evidence`: an early stage can only prove a wide margin in reasonable time.
The stages after them prove each capability's own threshold."""


def brief_watches(loaded: LoadedBrief, baseline: Baseline) -> tuple[CapabilityWatch, ...]:
    """One watch for each capability, in the brief's order; the watched ones share the weight 1 evenly.

    Those that base is at the floor in, and those whose answers nobody can score, are not watched: a weight that no
    score ever reaches is taken from those that can be watched.
    """
    watched = {c.name for c in loaded.brief.capabilities if baseline.capability(c.name).shows_a_drop}
    return tuple(
        CapabilityWatch(
            name=c.name,
            role=c.role,
            threshold=c.threshold,
            weight=1.0 / len(watched) if c.name in watched else 0.0,
            watched=c.name in watched,
        )
        for c in loaded.brief.capabilities
    )


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
) -> RolloutSpec:
    """Everything that a rollout fixes before it starts."""
    return RolloutSpec(
        rollout_id=f"r-{uuid.uuid4().hex[:8]}",
        model_alias=alias,
        base=base,
        candidate=candidate,
        salt=secrets.token_hex(16),
        capabilities=brief_watches(loaded, baseline),
        stages=tuple(stages),
        advance=advance,
        shadow=shadow,
        brief_sha256=loaded.sha256,
        audit=audit,
    )
