"""What the sequential test watches: the brief's capabilities, without those that base is at the floor in."""

from __future__ import annotations

from evaluator.auditing.baseline import Baseline
from evaluator.briefs.brief import LoadedBrief
from telemetry.events import CapabilityWatch


def brief_watches(loaded: LoadedBrief, baseline: Baseline) -> tuple[CapabilityWatch, ...]:
    """One watch for each capability, in the brief's order; the watched ones share the weight 1 evenly."""
    watched = {c.name for c in loaded.brief.capabilities if baseline.capability(c.name).at_floor is None}
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
