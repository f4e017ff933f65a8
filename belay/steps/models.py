"""`belay models`: what is in the home, with origin, audits, rollouts, pins and size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from belay.home import Home
from serving.models.pins import pinned_folders
from serving.models.store import ModelStore, StoredModel
from telemetry.errors import UnreadableRecord
from telemetry.events import DEFAULT_ROUTE, RolloutChanged
from telemetry.rollout_file import read_rollout


@dataclass(frozen=True, slots=True)
class Stocked:
    """One model, and what hangs on it. `size` is in bytes; of linked files that of what they point to."""

    model: StoredModel
    base: str
    size: int
    rollouts: tuple[str, ...]
    pinned_by: tuple[str, ...]

    @property
    def audit(self) -> str:
        """The audit's verdict in words, with an override where there is one."""
        bound = self.model.manifest.audit
        if bound is None:
            return "-"
        return bound.verdict + (f", overridden by {bound.override_by}" if bound.override_by else "")

    @property
    def origin(self) -> str:
        """Where it came from."""
        manifest = self.model.manifest
        if manifest.engine is not None:
            return f"{manifest.engine.model} at {manifest.engine.url}"
        if manifest.origin is not None:
            return f"{'linked to ' if manifest.origin.linked else ''}{manifest.origin.source}"
        return "trained here" if manifest.kind == "candidate" else "made here"

    @property
    def as_json(self) -> dict[str, Any]:
        """The same for machines."""
        manifest = self.model.manifest
        return {
            "name": self.model.name,
            "kind": manifest.kind,
            "sha256": manifest.sha256,
            "origin": self.origin,
            "base": self.base or None,
            "audit": manifest.audit.model_dump(mode="json") if manifest.audit else None,
            "rollouts": list(self.rollouts),
            "pinned_by": list(self.pinned_by),
            "bytes": self.size,
        }


def stock(home: Home) -> list[Stocked]:
    """Every model of the home whose manifest can be read, by name."""
    store = ModelStore(home.models)
    models = list(store.every())
    bases = {model.manifest.sha256: model.name for model in models if model.manifest.kind == "base"}
    pins: dict[Path, list[str]] = {}
    for folder, pin in pinned_folders(home.models):
        pins.setdefault(folder, []).append(pin.rollout_id)
    rollouts = dict(_rollouts(home))
    return [
        Stocked(
            model=model,
            base=bases.get(model.manifest.base_sha256 or "", ""),
            size=sum(path.stat().st_size for path in model.folder.rglob("*") if path.is_file()),
            rollouts=_with(model, rollouts),
            pinned_by=tuple(pins.get(model.folder, ())),
        )
        for model in models
    ]


def models_table(found: list[Stocked]) -> Table:
    """The models for people."""
    table = Table(
        "name", "kind", "base", "sha256", "audit", "rollouts", "pinned by", "size", "origin", box=None
    )
    for one in found:
        manifest = one.model.manifest
        table.add_row(
            one.model.name,
            manifest.kind,
            one.base or "-",
            manifest.sha256[:12],
            one.audit,
            ", ".join(one.rollouts) or "-",
            ", ".join(one.pinned_by) or "-",
            f"{one.size / 1e6:,.0f} MB",
            one.origin,
        )
    return table


def _rollouts(home: Home) -> Iterator[tuple[str, RolloutChanged]]:
    for path in sorted(home.runs.glob("*/rollout*.json")):
        try:
            state = read_rollout(path)
        except UnreadableRecord:
            continue  # a run of another version, or of somebody else
        if state is not None:
            route = state.spec.route
            yield path.parent.name + ("" if route == DEFAULT_ROUTE else f", {route}"), state


def _with(model: StoredModel, rollouts: Mapping[str, RolloutChanged]) -> tuple[str, ...]:
    sha256 = model.manifest.sha256
    return tuple(
        f"{name} ({state.status})"
        for name, state in rollouts.items()
        if sha256 in {state.spec.base.sha256, state.spec.candidate.sha256}
    )
