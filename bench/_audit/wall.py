"""Two full runs and the audits of a set by the clock, one after the other on one vLLM."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

from _shape import say

from _audit.live import IN_FLIGHT, conditions, keep, measure_of, served_base
from _audit.peer import full_run, paired_z, z_verdict
from _audit.planted import Plant, PlantedAnswers
from _audit.recorded import load
from _audit.sets import TestSet, prepare
from _audit.timings import Audited, Wall, write_wall
from belay.wiring import engine_version
from evaluator.audit.asking.answering import CachedModel, Conditions
from evaluator.audit.diff.settings import GateSettings
from evaluator.audit.measures.measure import ServedModel
from evaluator.audit.sequential_audit import ask_until_certain
from evaluator.audit.state import Watched


def measure_wall(
    sets: Sequence[TestSet],
    data: Path,
    folder: Path,
    drops: Sequence[float],
    churn: float,
    settings: Sequence[GateSettings],
) -> None:
    """Each set by the clock, one after the other, each kept after its every audit.

    Every drop is audited once with each of `settings`, which differ in their seed. Of a set that was not recorded yet
    the first full run is the recording.
    """
    prepare(sets, data, folder / "tasks")
    with served_base(folder) as model:
        for one in sets:
            _by_the_clock(one, data, folder, model, drops, churn, settings)


def _by_the_clock(
    one: TestSet,
    data: Path,
    folder: Path,
    model: ServedModel,
    drops: Sequence[float],
    churn: float,
    settings: Sequence[GateSettings],
) -> None:
    tasks, began = folder / "tasks", conditions()
    say(f"by the clock: {one.name}, two full runs")
    base = full_run(one, model, tasks, folder / "lm_eval", IN_FLIGHT)
    recorded = load(folder / "base", one, data) or keep(one, data, folder, model, base)
    behind = full_run(one, model, tasks, folder / "lm_eval", IN_FLIGHT)
    wall = Wall(
        name=one.name,
        fingerprint=recorded.fingerprint,
        items=len(base.values),
        full_s=(base.seconds, behind.seconds),
        differing=sum(b != c for b, c in zip(base.values, behind.values, strict=True)) / len(base.values),
        audits=(),
        churn=churn,
        conditions=began,
    )
    say(f"  {wall.full_s[0]:.0f} and {wall.full_s[1]:.0f} s; {wall.differing:.1%} scored differently")
    # Whole rounds of drops, so that a run that ends early has kept some of each.
    for terms, drop in product(settings, drops):
        plant = Plant(one.name, drop, churn, terms.seed, recorded.accuracy)
        if not plant.possible:
            continue
        candidate = [plant.changed(i, v) for i, v in zip(recorded.ids, behind.values, strict=True)]
        theirs = z_verdict(paired_z(base.values, candidate, one.threshold), terms.alpha_pass)
        audited = _audited(one, plant, theirs, model, tasks, terms)
        wall = replace(wall, audits=(*wall.audits, audited), conditions=f"{began} to {conditions()}")
        write_wall(wall, folder)


def _audited(
    one: TestSet, plant: Plant, theirs: str, model: ServedModel, tasks: Path, settings: GateSettings
) -> Audited:
    """One audit, base and candidate really asked, nothing taken from a cache; building the requests counts."""
    version = engine_version()
    base = CachedModel(model, Conditions(model_sha256=model.sha256, engine_version=version))
    behind = CachedModel(model, Conditions(model_sha256="the candidate", engine_version=version))
    begin = time.monotonic()
    measure = measure_of(one, tasks)
    watched = [Watched(measure, one.threshold, one.threshold)]
    (found,) = ask_until_certain(watched, base, PlantedAnswers(behind, {measure.name: plant}), settings)
    seconds, items = time.monotonic() - begin, sum(map(len, found.pairs))
    verdict = found.verdict
    say(
        f"  drop {plant.drop:.0%}, seed {plant.seed}: {verdict} after {items} items, {seconds:.0f} s; "
        f"two full runs say {theirs}"
    )
    return Audited(plant.drop, plant.seed, seconds, items, verdict, theirs)
