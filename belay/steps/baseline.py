"""The baseline as a step of the command line and the demo: what base can do, before anything is trained."""

from __future__ import annotations

from belay.home import Home
from belay.progress import bar
from belay.steps.asking import Asking, ModelAt, going_on_later, served_model, version_of, with_rate
from belay.steps.referencing import keep_reference_of
from evaluator.audit.asking.probe import take_fingerprint
from evaluator.audit.baseline import (
    Baseline,
    Binding,
    binding_of,
    load_baseline,
    record_baseline,
    save_baseline,
)
from evaluator.audit.brief_measures import brief_measures
from evaluator.audit.measures.items_measure import ITEMS
from evaluator.audit.measures.measure import Measure
from evaluator.audit.reporting.text import said_of
from evaluator.judge.judges.judge import Judge
from serving.models.store import StoredModel
from telemetry.errors import BelayError


def record(asking: Asking, base: ModelAt, *, anew: bool = False, lazy: bool = False) -> Baseline:
    """The baseline of `base`: the one on disk where it was recorded under the same conditions, else a new one.

    With `anew` always a new one, for which only what has changed is asked. With `lazy` the benchmarks are left for
    audits to ask.
    """
    judge, console = Judge(asking.loaded), asking.console
    keep_reference_of(base, asking)
    measures = brief_measures(asking.loaded, judge)
    binding = binding_for(asking, measures, base.model, judge, version_of(base))
    found = None if anew else _kept(asking.home, binding)
    if found is None:
        with asking.cache() as cache, going_on_later(), bar(console, "   baseline") as report:
            arm, _ = served_model(base, asking.models, cache)
            found = record_baseline(measures, arm, binding, lazy=lazy, progress=with_rate(report))
            found = found.model_copy(update={"fingerprint": take_fingerprint(arm.model)})
        save_baseline(found, asking.home.baselines)
        if arm.reused:
            console.print(f"   {arm.reused} of {arm.asked + arm.reused} answers were known already")
    else:
        console.print("   the recorded baseline holds: same base, brief, judge, engine and sampling")
    for measure in found.measures:
        console.print(_line(measure.name, measure.measure, found))
    return found


def binding_for(
    asking: Asking, measures: tuple[Measure, ...], base: StoredModel, judge: Judge, engine: str
) -> Binding:
    """The conditions under which base is asked now, on an engine of that version."""
    return binding_of(
        asking.loaded,
        measures,
        base_sha256=base.manifest.sha256,
        judge_version=judge.version,
        engine_version=engine,
    )


def _kept(home: Home, binding: Binding) -> Baseline | None:
    try:
        found = load_baseline(home.baselines, binding.base_sha256)
        found.require(binding)
    except BelayError:
        return None
    return found


def _line(capability: str, measure: str, baseline: Baseline) -> str:
    found = baseline.measure(capability, measure)
    name = capability.replace("_", " ") if measure == ITEMS else f"  {measure}"
    if not found.recorded:
        return f"   {name:<24}{'later':>9}  an audit asks base when it needs it"
    return f"   {name:<24}{said_of(found)}"
