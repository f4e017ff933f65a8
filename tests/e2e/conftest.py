"""The real parts, made once for all end-to-end tests: base, baseline, a naive fine-tune, and its audit.

Whoever wants another fine-tune makes the same parts with `trained_and_audited`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
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
from serving.engines.vllm_engine import VllmEngine
from serving.models.store import StoredModel
from serving.server import free_port
from telemetry.events import Arm
from tests.places import BRIEF

AUDITED = 24
"""Audit items of each capability: enough for the naive fine-tune's `fail`, and a baseline that is soon there."""


Train = Callable[[Home, LoadedBrief, Path, Console], Path]
"""Makes a candidate of the base in the home, and returns its folder."""


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
    """The demo's candidate: the target alone, the naive way."""

    def naively(home: Home, loaded: LoadedBrief, base: Path, console: Console) -> Path:
        return training.train(home, loaded, base, CANDIDATE, console)

    home = Home(tmp_path_factory.mktemp("belay-home"))
    with trained_and_audited(home, real_base, naively, AUDITED) as made:
        yield made


@contextmanager
def trained_and_audited(home: Home, real_base: Path, train: Train, audited: int) -> Iterator[Trained]:
    """The offline path in a new `home`, with `audited` audit items of each capability; engines run until the end."""
    shutil.copytree(real_base, home.base_model)
    console = Console(stderr=True)
    loaded = _shortened(load_brief(BRIEF), audited)
    with ExitStack() as parts:
        base = preparing.prepare(home, console)
        control = parts.enter_context(_engine(home, base, "control"))
        asking = Asking(home, loaded, console)
        control_at = ModelAt(StoredModel.at(base), ModelAddress(control.url, ALIAS))
        baseline = record(asking, control_at)
        folder = train(home, loaded, base, console)
        candidate = parts.enter_context(_engine(home, folder, "candidate"))
        contest = auditing.Contest(
            baseline,
            control_at.model,
            StoredModel.at(folder),
            candidate_at=ModelAddress(candidate.url, ALIAS),
        )
        with Engines(asking.models, ALIAS, home.logs, console) as engines:
            audit = auditing.audit(asking, contest, engines)
        yield Trained(home, loaded, base, folder, baseline, audit, control.url, candidate.url)


def _engine(home: Home, folder: Path, arm: Arm) -> AbstractContextManager[VllmEngine]:
    log = home.logs / f"{arm}.log"
    return engine_for(folder, port=free_port(), name=ALIAS, log=log, arm=arm, cores=half_of_the_cores(arm))


def _shortened(loaded: LoadedBrief, audited: int) -> LoadedBrief:
    others = {name: [item for item in items if item.split != "audit"] for name, items in loaded.items.items()}
    items = {name: (*loaded.items_of(name, "audit")[:audited], *rest) for name, rest in others.items()}
    return loaded.model_copy(update={"items": items})
