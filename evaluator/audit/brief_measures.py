"""All the ways in which a brief measures its capabilities, in one list."""

from __future__ import annotations

from evaluator.audit.measures.items_measure import ItemsMeasure
from evaluator.audit.measures.measure import Measure
from evaluator.briefs.brief import LoadedBrief
from evaluator.judge.judges.scorer import Judging
from telemetry.errors import BriefError


def brief_measures(loaded: LoadedBrief, judge: Judging) -> tuple[Measure, ...]:
    """Every measure of every capability, in the brief's order: its own items first, then its benchmarks.

    Raises BriefError where a capability has no items, or two measures of one have the same name.
    """
    benchmarks = _benchmarks(loaded)
    found: list[Measure] = []
    for capability in loaded.brief.capabilities:
        found.append(ItemsMeasure(loaded, capability.name, judge))
        found += [m for m in benchmarks if m.capability == capability.name]
    labels = [f"{m.capability}/{m.name}" for m in found]
    if twice := sorted({label for label in labels if labels.count(label) > 1}):
        raise BriefError(
            f"measures named twice: {', '.join(twice)}",
            hint="Give each benchmark once a capability; its other settings are one setting of it.",
        )
    return tuple(found)


def _benchmarks(loaded: LoadedBrief) -> tuple[Measure, ...]:
    """The benchmarks that the brief names. Their modules are loaded only where it names one of their kind."""
    named = [b for c in loaded.brief.capabilities for b in c.benchmarks]
    found: tuple[Measure, ...] = ()
    if any(b.lm_eval is not None for b in named):
        from evaluator.audit.benchmarks.lm_eval_measure import lm_eval_measures  # noqa: PLC0415 - lm_eval takes seconds to import

        found += lm_eval_measures(loaded)
    if any(b.mt_bench is not None for b in named):
        from evaluator.audit.mt_bench.measure import mt_bench_measures  # noqa: PLC0415 - most briefs have none

        found += mt_bench_measures(loaded)
    return found
