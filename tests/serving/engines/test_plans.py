"""Which engines serve which models."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.engines.plans import engine_plans
from serving.models.manifest import EngineOfOthers, Kind, bind_identity, write_manifest
from serving.models.store import ModelStore, StoredModel
from telemetry.errors import AttestationError


def model(store: ModelStore, name: str, kind: Kind, base: StoredModel | None = None) -> StoredModel:
    folder = store.folder / name
    folder.mkdir(parents=True)
    (folder / "weights").write_text(name)
    write_manifest(folder, kind=kind, name=name, base_sha256=base.manifest.sha256 if base else None)
    return store.get(name)


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path)


def test_a_base_and_its_adapters_are_one_engine(store: ModelStore) -> None:
    base = model(store, "base", "base")
    first, second = (model(store, name, "adapter", base) for name in ("a", "b"))
    (plan,) = engine_plans([first, base, second, first], store)
    assert (plan.model, plan.adapters) == (base, (first, second))
    assert plan.name_of(base, "shop") == "shop"
    assert plan.name_of(first, "shop") == f"a@{first.manifest.sha256[:12]}"


def test_a_model_is_served_whatever_its_manifest_was_told_meanwhile(store: ModelStore) -> None:
    base = model(store, "base", "base")
    adapter = model(store, "a", "adapter", base)
    (plan,) = engine_plans([adapter], store)
    for name in ("base", "a"):
        bind_identity(store.folder / name, "0" * 64)
        assert plan.serves(store.get(name))
    assert plan.name_of(store.get("a"), "shop") == adapter.served_name
    (adapter.folder / "weights").write_text("trained again")
    write_manifest(adapter.folder, kind="adapter", name="a", base_sha256=base.manifest.sha256)
    assert not plan.serves(store.get("a"))


def test_an_adapter_brings_its_base_along(store: ModelStore) -> None:
    base = model(store, "base", "base")
    (plan,) = engine_plans([model(store, "a", "adapter", base)], store)
    assert plan.model == base


def test_merged_candidates_and_other_bases_are_engines_of_their_own(store: ModelStore) -> None:
    base, other = model(store, "base", "base"), model(store, "other", "base")
    merged, adapter = model(store, "merged", "candidate", base), model(store, "a", "adapter", other)
    plans = engine_plans([base, merged, adapter], store)
    assert [(plan.model.name, len(plan.adapters)) for plan in plans] == [
        ("base", 0),
        ("merged", 0),
        ("other", 1),
    ]


def test_what_others_run_needs_no_engine(store: ModelStore) -> None:
    folder = store.folder / "far"
    folder.mkdir()
    (folder / "identity.json").write_text("{}")
    write_manifest(folder, kind="base", name="far", engine=EngineOfOthers(url="http://far", model="m"))
    assert engine_plans([store.get("far")], store) == []


def test_an_adapter_whose_base_is_not_here_is_refused(store: ModelStore) -> None:
    orphan = model(store, "a", "adapter", model(store, "base", "base"))
    (store.folder / "base" / "manifest.json").unlink()
    with pytest.raises(AttestationError, match="which is not in"):
        engine_plans([orphan], store)
