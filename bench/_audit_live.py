"""What the audit's benchmark really asks of a real vLLM: full runs, and audits by the clock."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from _audit_peer import FullRun, full_run, paired_z, z_verdict
from _audit_planted import Plant, PlantedAnswers
from _audit_recorded import Recorded, bind, load, save
from _audit_replay import verdict_of
from _audit_sets import TestSet, fingerprint, prepare
from _shape import say

from belay.wiring import engine_version
from evaluator.answering import CachedModel, Conditions
from evaluator.audit_settings import GateSettings
from evaluator.audit_state import Watched
from evaluator.benchmarks import LmEvalMeasure
from evaluator.measures import Measure, ServedModel
from evaluator.sequential_audit import ask_until_certain
from serving.base_model import prepare_base_model
from serving.manifest import attest
from serving.openai_client import complete_many
from serving.vllm_engine import EngineSettings, VllmEngine
from telemetry.events import Message
from telemetry.files import write_renamed

IN_FLIGHT: Final = 32
"""Requests at the engine at once: all of a full run's, or both arms' of an audit together."""


@dataclass(frozen=True, slots=True)
class Audited:
    """One audit by the clock: the planted drop, seconds, items asked of each arm by set, each set's verdict.

    `theirs` is what the paired z-test says of the two full runs under the same plant.
    """

    drop: float
    seconds: float
    asked: Mapping[str, int]
    verdicts: Mapping[str, str]
    theirs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Wall:
    """Two full runs (seconds by set: base's, candidate's) and audits of the same sets, one after the other.

    `differing` is the fraction of a set's items that the two runs of the same model scored differently: what an
    engine's batching alone does, before anything is planted.
    """

    full_s: Mapping[str, tuple[float, float]]
    items: Mapping[str, int]
    differing: Mapping[str, float]
    audits: tuple[Audited, ...]
    churn: float
    conditions: str

    @property
    def both_runs_s(self) -> float:
        """Seconds of the two full runs."""
        return sum(map(sum, self.full_s.values()))


@contextmanager
def served_base(folder: Path) -> Iterator[ServedModel]:
    """SmolLM2-135M-Instruct behind a vLLM of its own on all cores, without prefix caching."""
    base = prepare_base_model(folder / "model")
    settings = EngineSettings(
        folder=base,
        served_name="base",
        port=_free_port(),
        log_file=folder / "engine.log",
        max_num_seqs=IN_FLIGHT,
        extra_args=("--no-enable-prefix-caching",),
    )
    with VllmEngine(settings) as engine:
        engine.wait_healthy()

        def chat(turns: Sequence[Sequence[Message]], max_tokens: int) -> list[str]:
            return [c.text for c in complete_many(engine.url, "base", turns, max_tokens)]

        yield ServedModel(engine.url, "base", attest(base).sha256, base, chat)


def measure_of(one: TestSet, tasks: Path) -> Measure:
    """The set as the product's measure: half of the requests in flight are each arm's."""
    return LmEvalMeasure(
        one.task,
        capability=one.name,
        include_path=tasks,
        metric=one.metric,
        threshold=one.threshold,
        chat_template=one.chat_template,
        concurrency=IN_FLIGHT // 2,
    )


def record_missing(sets: Sequence[TestSet], data: Path, folder: Path) -> None:
    """Record base on those sets that were not recorded yet, one full lm-eval run each, kept set by set."""
    missing = [one for one in sets if load(folder / "base", one, data) is None]
    if not missing:
        return
    tasks = folder / "tasks"
    prepare(missing, data, tasks)
    with served_base(folder) as model:
        for one in missing:
            say(f"recording base on {one.name}")
            run = full_run(one, model, tasks, folder / "lm_eval", IN_FLIGHT)
            measure = measure_of(one, tasks)
            mark = fingerprint(one, data)
            save(bind(one, mark, measure, model.sha256, run, conditions()), folder / "base")
            say(f"  {len(run.values)} items, {sum(run.calls)} requests, {run.seconds:.0f} s")


def measure_wall(
    sets: Sequence[TestSet],
    recorded: Mapping[str, Recorded],
    data: Path,
    folder: Path,
    drops: Sequence[float],
    churn: float,
    settings: GateSettings,
) -> Wall:
    """Two full runs of `sets`, then an audit of all of them for each drop, on one engine; kept in `folder`."""
    tasks = folder / "tasks"
    prepare(sets, data, tasks)
    began = conditions()
    with served_base(folder) as model:
        runs: dict[str, list[FullRun]] = {one.name: [] for one in sets}
        for arm in ("base", "candidate"):
            for one in sets:
                say(f"full run of {one.name}, {arm}")
                runs[one.name].append(full_run(one, model, tasks, folder / "lm_eval", IN_FLIGHT))
        audits = []
        for drop in drops:
            plants = [Plant(o.name, drop, churn, settings.seed, recorded[o.name].accuracy) for o in sets]
            theirs = {
                p.set_name: _paired(recorded[p.set_name], p, *runs[p.set_name], settings) for p in plants
            }
            audits.append(_audited(sets, plants, theirs, model, tasks, settings))
    wall = Wall(
        {name: (base.seconds, candidate.seconds) for name, (base, candidate) in runs.items()},
        {name: len(base.values) for name, (base, _) in runs.items()},
        {
            name: sum(b != c for b, c in zip(base.values, candidate.values, strict=True)) / len(base.values)
            for name, (base, candidate) in runs.items()
        },
        tuple(audits),
        churn,
        f"{began}; at the end {conditions()}",
    )
    write_renamed(folder / "wall.json", json.dumps(asdict(wall)).encode())
    return wall


def load_wall(folder: Path) -> Wall | None:
    """What was last measured by the clock, or None."""
    file = folder / "wall.json"
    if not file.is_file():
        return None
    fields = json.loads(file.read_bytes())
    audits = tuple(Audited(**one) for one in fields.pop("audits"))
    full = {name: (base, candidate) for name, (base, candidate) in fields.pop("full_s").items()}
    return Wall(full_s=full, audits=audits, **fields)


def _paired(recorded: Recorded, plant: Plant, base: FullRun, behind: FullRun, settings: GateSettings) -> str:
    """The paired z-test on two full runs, the second one spoiled."""
    candidate = [plant.changed(i, v) for i, v in zip(recorded.ids, behind.values, strict=True)]
    return z_verdict(paired_z(base.values, candidate, recorded.threshold), settings.alpha_pass)


def _audited(
    sets: Sequence[TestSet],
    plants: Sequence[Plant],
    theirs: Mapping[str, str],
    model: ServedModel,
    tasks: Path,
    settings: GateSettings,
) -> Audited:
    """One audit of all sets, base and candidate really asked, nothing taken from a cache; building requests counts."""
    drop = plants[0].drop
    say(f"audit, drop {drop:.0%}")
    version = engine_version()
    base = CachedModel(model, Conditions(model_sha256=model.sha256, engine_version=version))
    behind = CachedModel(model, Conditions(model_sha256="the candidate", engine_version=version))
    candidate = PlantedAnswers(behind, {f"local_{p.set_name}": p for p in plants})
    begin = time.monotonic()
    measures = [measure_of(one, tasks) for one in sets]
    watched = [Watched(m, m.threshold, m.threshold, floor_open=True) for m in measures]
    found = ask_until_certain(watched, base, candidate, settings, _tell)
    seconds = time.monotonic() - begin
    return Audited(
        drop,
        seconds,
        {a.watched.measure.capability: sum(map(len, a.pairs)) for a in found},
        {a.watched.measure.capability: verdict_of(a, settings) for a in found},
        theirs,
    )


def conditions() -> str:
    """When, and how busy the machine was: the load of the last minute over its cores."""
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def _tell(done: int, total: int, note: str) -> None:
    say(f"  {done} items asked of about {total} ({note})")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
