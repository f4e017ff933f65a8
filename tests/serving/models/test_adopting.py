"""Adoption: the model's own folder stays as it is, and what does not belong together is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from serving.models.adapter import lora_rank, read_adapter
from serving.models.adopting import adopt_adapter, adopt_folder, base_for
from serving.models.hf_folder import look_at
from serving.models.manifest import attest, file_sha256, hash_files
from serving.models.store import ModelStore, StoredModel
from telemetry.errors import AttestationError, UsageError
from tests.serving.models.foreign import adapter_of, folder_of


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models")


def adopted(store: ModelStore, folder: Path, name: str) -> StoredModel:
    adopt_folder(look_at(folder), store.folder / name, kind="base")
    return store.get(name)


def test_adoption_changes_nothing_in_the_folder_and_costs_no_disk(store: ModelStore, tmp_path: Path) -> None:
    folder = folder_of("qwen2", tmp_path / "theirs")
    before = hash_files(folder)
    base = adopted(store, folder, "mine")
    assert hash_files(folder) == before
    assert attest(base.folder).files == before
    assert all(path.is_symlink() for path in base.folder.iterdir() if path.name != "manifest.json")


def test_a_change_behind_a_link_is_noticed(store: ModelStore, tmp_path: Path) -> None:
    folder = folder_of("qwen2", tmp_path / "theirs")
    base = adopted(store, folder, "mine")
    (folder / "config.json").write_text("{}")
    with pytest.raises(AttestationError, match=r"config\.json: content differs"):
        attest(base.folder)


def test_a_copy_outlives_its_source(store: ModelStore, tmp_path: Path) -> None:
    folder = folder_of("qwen2", tmp_path / "theirs")
    adopt_folder(look_at(folder), store.folder / "mine", kind="base", copy=True)
    for path in folder.iterdir():
        path.unlink()
    assert attest(store.folder / "mine").origin is not None


def test_a_refusal_leaves_nothing_behind(store: ModelStore, tmp_path: Path) -> None:
    folder = folder_of("qwen2", tmp_path / "theirs")

    def refuse(_folder: Path) -> None:
        raise UsageError("not this one")

    with pytest.raises(UsageError, match="not this one"):
        adopt_folder(look_at(folder), store.folder / "mine", kind="base", check=refuse)
    assert not any(store.folder.iterdir())


def test_a_candidate_without_a_tokenizer_gets_that_of_its_base(store: ModelStore, tmp_path: Path) -> None:
    base = adopted(store, folder_of("qwen2", tmp_path / "base"), "base")
    bare = look_at(folder_of("qwen2", tmp_path / "merged", tokenizer=False, seed=1))
    with pytest.raises(AttestationError, match="no tokenizer"):
        adopt_folder(bare, store.folder / "alone", kind="base")
    found = adopt_folder(bare, store.folder / "tuned", kind="candidate", base=base)
    assert found.base_sha256 == base.manifest.sha256
    assert found.files["tokenizer.json"] == file_sha256(base.folder / "tokenizer.json")


@pytest.mark.parametrize("architecture", ["qwen2", "gpt2"])
def test_an_adapter_finds_the_base_that_it_fits(architecture: str, store: ModelStore, tmp_path: Path) -> None:
    for name in ("qwen2", "gpt2"):
        adopted(store, folder_of(name, tmp_path / name), name)
    adapter = read_adapter(adapter_of(architecture, tmp_path / "lora"))
    found = base_for(adapter, list(store.every("base")), named=False)
    assert found.name == architecture
    manifest = adopt_adapter(adapter, store.folder / "lora", found)
    assert (manifest.kind, manifest.base_sha256) == ("adapter", found.manifest.sha256)
    assert store.base_of(store.get("lora")) == found


def test_an_adapter_that_fits_two_bases_needs_a_person_who_says_which(
    store: ModelStore, tmp_path: Path
) -> None:
    """This Llama has the names and shapes of this Qwen."""
    for name in ("qwen2", "llama"):
        adopted(store, folder_of(name, tmp_path / name), name)
    adapter = read_adapter(adapter_of("llama", tmp_path / "lora"))
    with pytest.raises(UsageError, match="fits several bases by names and shapes: llama, qwen2") as raised:
        base_for(adapter, list(store.every("base")), named=False)
    assert "--base" in raised.value.hint
    assert base_for(adapter, [store.base("llama")], named=True).name == "llama"


def test_an_adapter_of_another_base_is_refused_whatever_its_config_claims(
    store: ModelStore, tmp_path: Path
) -> None:
    base = adopted(store, folder_of("gpt2", tmp_path / "gpt2"), "gpt2")
    folder = adapter_of("llama", tmp_path / "lora")
    config = folder / "adapter_config.json"
    config.write_text(
        config.read_text().replace('"base_model_name_or_path": null', '"base_model_name_or_path": "gpt2"')
    )
    with pytest.raises(AttestationError, match="no such layer") as raised:
        base_for(read_adapter(folder), [base], named=True)
    assert "gpt2" in raised.value.message


def test_an_adapter_whose_halves_do_not_fit_each_other_is_refused(tmp_path: Path) -> None:
    folder = adapter_of("llama", tmp_path / "lora")
    tensors = load_file(str(folder / "adapter_model.safetensors"))
    first = next(name for name in tensors if "lora_A" in name)
    tensors[first] = tensors[first][:2].contiguous()
    save_file(tensors, str(folder / "adapter_model.safetensors"))
    with pytest.raises(AttestationError, match="do not belong together"):
        read_adapter(folder)


def test_dora_is_not_taken_as_an_adapter(store: ModelStore, tmp_path: Path) -> None:
    base = adopted(store, folder_of("llama", tmp_path / "llama"), "llama")
    adapter = read_adapter(adapter_of("llama", tmp_path / "dora", use_dora=True))
    with pytest.raises(AttestationError, match="DoRA") as raised:
        adopt_adapter(adapter, store.folder / "dora", base)
    assert "--as candidate" in raised.value.hint


@pytest.mark.parametrize(("rank", "room"), [(1, 1), (3, 8), (8, 8), (9, 16), (60, 64)])
def test_an_engine_has_room_for_the_adapters_rank(rank: int, room: int, tmp_path: Path) -> None:
    assert lora_rank(adapter_of("llama", tmp_path / "lora", r=rank)) == room


def test_of_several_bases_one_has_to_be_named(store: ModelStore, tmp_path: Path) -> None:
    adopted(store, folder_of("qwen2", tmp_path / "a"), "a")
    assert store.base().name == "a"
    adopted(store, folder_of("llama", tmp_path / "b"), "b")
    with pytest.raises(UsageError, match=r"several bases: a \(\w+\), b"):
        store.base()


def test_a_name_that_is_nearly_right_is_suggested(store: ModelStore, tmp_path: Path) -> None:
    adopted(store, folder_of("qwen2", tmp_path / "a"), "qwen-tiny")
    with pytest.raises(AttestationError, match="did you mean 'qwen-tiny'"):
        store.get("qwen-tinny")
