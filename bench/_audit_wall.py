"""Two full runs and the audits of a set by the clock, one after the other on one vLLM."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path

from _audit_live import IN_FLIGHT, conditions, measure_of, served_base
from _audit_peer import full_run, paired_z, z_verdict
from _audit_planted import Plant, PlantedAnswers
from _audit_recorded import Recorded
from _audit_replay import verdict_of
from _audit_sets import SETS, TestSet, prepare
from _audit_timings import Audited, Wall
from _shape import say

from belay.wiring import engine_version
from evaluator.auditing.answering import CachedModel, Conditions
from evaluator.auditing.sequential_audit import ask_until_certain
from evaluator.auditing.state import Watched
from evaluator.diff.settings import GateSettings
from evaluator.measures.measure import ServedModel
from telemetry.files import write_renamed


def measure_wall(
    recorded: Sequence[Recorded],
    data: Path,
    folder: Path,
    drops: Sequence[float],
    churn: float,
    settings: Sequence[GateSettings],
) -> None:
    """Each recorded set by the clock, one after the other, each kept as soon as it is done.

    Every drop is audited once with each of `settings`, which differ in their seed.
    """
    tasks = folder / "tasks"
    sets = {one.name: one for one in SETS}
    prepare([sets[r.name] for r in recorded], data, tasks)
    (folder / "wall").mkdir(parents=True, exist_ok=True)
    with served_base(folder) as model:
        for r in recorded:
            wall = _by_the_clock(sets[r.name], r, model, tasks, folder / "lm_eval", drops, churn, settings)
            write_renamed(folder / "wall" / f"{r.name}.json", json.dumps(asdict(wall)).encode())


def _by_the_clock(
    one: TestSet,
    recorded: Recorded,
    model: ServedModel,
    tasks: Path,
    samples: Path,
    drops: Sequence[float],
    churn: float,
    settings: Sequence[GateSettings],
) -> Wall:
    began = conditions()
    say(f"by the clock: {one.name}, two full runs")
    base, behind = (full_run(one, model, tasks, samples, IN_FLIGHT) for _ in range(2))
    audits = []
    for drop, terms in product(drops, settings):
        plant = Plant(one.name, drop, churn, terms.seed, recorded.accuracy)
        if not plant.possible:
            continue
        candidate = [plant.changed(i, v) for i, v in zip(recorded.ids, behind.values, strict=True)]
        z = paired_z(base.values, candidate, one.threshold)
        audits.append(_audited(one, plant, z_verdict(z, terms.alpha_pass), model, tasks, terms))
    return Wall(
        name=one.name,
        fingerprint=recorded.fingerprint,
        items=len(base.values),
        full_s=(base.seconds, behind.seconds),
        differing=sum(b != c for b, c in zip(base.values, behind.values, strict=True)) / len(base.values),
        audits=tuple(audits),
        churn=churn,
        conditions=f"{began} to {conditions()}",
    )


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
    verdict = verdict_of(found, settings)
    say(
        f"  drop {plant.drop:.0%}, seed {plant.seed}: {verdict} after {items} items, {seconds:.0f} s; "
        f"two full runs say {theirs}"
    )
    return Audited(plant.drop, plant.seed, seconds, items, verdict, theirs)
