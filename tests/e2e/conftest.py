"""The real parts, made once for all end-to-end tests: base, baseline, a naive fine-tune, and its audit."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from belay.engines import Engines
from belay.home import Home
from belay.launcher.demo import ALIAS, CANDIDATE
from belay.steps import audit as auditing
from belay.steps import prepare as preparing
from belay.steps import train as training
from belay.steps.asking import Asking, ModelAt
from belay.steps.baseline import record
from belay.wiring import engine_for, half_of_the_cores
from evaluator.audit.baseline import Baseline
from evaluator.audit.result import AuditResult
from evaluator.briefs.brief import LoadedBrief, load_brief
from serving.engines.address import ModelAddress
from serving.models.store import StoredModel
from serving.server import free_port
from tests.places import BRIEF

AUDITED = 24
"""Audit items of each capability: enough for the naive fine-tune's `fail`, and a baseline that is soon there."""


@dataclass(frozen=True, slots=True)
class Trained:
    """What the offline path leaves, with both engines running."""

    home: Home
    loaded: LoadedBrief
    base: Path
    candidate: Path
    baseline: Baseline
    audit: AuditResult
    control_url: str
    candidate_url: str


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, real_base: Path) -> Iterator[Trained]:
    home = Home(tmp_path_factory.mktemp("belay-home"))
    shutil.copytree(real_base, home.base_model)
    console = Console(stderr=True)
    loaded = _shortened(load_brief(BRIEF))
    with ExitStack() as parts:
        base = preparing.prepare(home, console)
        control = parts.enter_context(
            engine_for(
                base,
                port=free_port(),
                name=ALIAS,
                log=home.logs / "control.log",
                cores=half_of_the_cores("control"),
            )
        )
        asking = Asking(home, loaded, console)
        control_at = ModelAt(StoredModel.at(base), ModelAddress(control.url, ALIAS))
        baseline = record(asking, control_at)
        folder = training.train(home, loaded, base, CANDIDATE, console)
        candidate = parts.enter_context(
            engine_for(
                folder,
                port=free_port(),
                name=ALIAS,
                log=home.logs / "candidate.log",
                cores=half_of_the_cores("candidate"),
            )
        )
        contest = auditing.Contest(
            baseline,
            control_at.model,
            StoredModel.at(folder),
            candidate_at=ModelAddress(candidate.url, ALIAS),
        )
        with Engines(asking.models, ALIAS, home.logs, console) as engines:
            audit = auditing.audit(asking, contest, engines)
        yield Trained(home, loaded, base, folder, baseline, audit, control.url, candidate.url)


def _shortened(loaded: LoadedBrief) -> LoadedBrief:
    others = {name: [item for item in items if item.split != "audit"] for name, items in loaded.items.items()}
    items = {name: (*loaded.items_of(name, "audit")[:AUDITED], *rest) for name, rest in others.items()}
    return loaded.model_copy(update={"items": items})
