"""Which engines serve a set of models: each base with its adapters is one engine, every other model one of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from serving.models.store import ModelStore, StoredModel


@dataclass(frozen=True, slots=True)
class EnginePlan:
    """One engine: the folder that it loads, and the adapters that it serves beside."""

    model: StoredModel
    adapters: tuple[StoredModel, ...] = ()

    def name_of(self, model: StoredModel, alias: str) -> str:
        """By what name requests ask this engine for `model`: adapters by theirs, what was loaded by `alias`."""
        return model.served_name if any(_same(model, one) for one in self.adapters) else alias

    def serves(self, model: StoredModel) -> bool:
        """Whether it answers for `model`."""
        return any(_same(model, one) for one in (self.model, *self.adapters))


def _same(one: StoredModel, other: StoredModel) -> bool:
    """Whether they are one model, whatever its manifest was told of it meanwhile: its audit, its reference."""
    return (one.folder, one.manifest.sha256) == (other.folder, other.manifest.sha256)


def engine_plans(models: Sequence[StoredModel], store: ModelStore) -> list[EnginePlan]:
    """The fewest engines of ours that serve `models`; those that others run need none.

    Raises AttestationError where an adapter's base is not in the store.
    """
    ours = [model for model in models if model.manifest.engine is None]
    plans = {model.folder: EnginePlan(model) for model in ours if model.manifest.kind != "adapter"}
    for adapter in (model for model in ours if model.manifest.kind == "adapter"):
        base = store.base_of(adapter)
        found = plans.get(base.folder, EnginePlan(base))
        if adapter not in found.adapters:
            found = replace(found, adapters=(*found.adapters, adapter))
        plans[base.folder] = found
    return list(plans.values())
