from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.models.manifest import (
    attest,
    bind_audit,
    hash_files,
    read_manifest,
    whole_sha256,
    write_manifest,
)
from telemetry.errors import AttestationError
from telemetry.events import AuditRef


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "model"
    (made / "adapter").mkdir(parents=True)
    (made / "model.safetensors").write_bytes(b"weights")
    (made / "config.json").write_text("{}")
    (made / "adapter" / "adapter_model.safetensors").write_bytes(b"delta")
    write_manifest(made, kind="candidate", name="c", base_sha256="b", data_sha256="d", settings={"lr": 0.1})
    return made


def test_an_untouched_folder_attests(folder: Path) -> None:
    manifest = attest(folder)
    assert manifest == read_manifest(folder)
    assert manifest.sha256 == whole_sha256(hash_files(folder))
    assert manifest.settings == {"lr": 0.1}
    assert manifest.ref.sha256 == manifest.sha256
    assert manifest.adapter_sha256 not in (None, manifest.sha256)


def test_a_moved_folder_still_attests(folder: Path, tmp_path: Path) -> None:
    assert attest(folder.rename(tmp_path / "elsewhere")).name == "c"


def test_one_changed_byte_is_named_with_both_hashes(folder: Path) -> None:
    expected = read_manifest(folder).files["model.safetensors"]
    (folder / "model.safetensors").write_bytes(b"weightz")
    with pytest.raises(AttestationError) as caught:
        attest(folder)
    assert "model.safetensors" in str(caught.value)
    assert expected in str(caught.value)
    assert whole_sha256(hash_files(folder)) != read_manifest(folder).sha256


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "config.json").unlink()
    with pytest.raises(AttestationError, match=r"config\.json is missing"):
        attest(folder)


@pytest.mark.parametrize("name", ["model-2.safetensors", "generation_config.json", "adapter/more.bin"])
def test_a_file_that_the_manifest_does_not_name_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"x")
    with pytest.raises(AttestationError, match=name):
        attest(folder)


def test_a_manifest_whose_hash_does_not_fit_its_files_is_refused(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace(read_manifest(folder).sha256, "0" * 64))
    with pytest.raises(AttestationError, match="sha256 differs"):
        attest(folder)


def test_missing_folder_missing_manifest_and_garbage_are_three_messages(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(AttestationError, match="no model folder"):
        attest(tmp_path / "nowhere")
    (folder / "manifest.json").write_text("{")
    with pytest.raises(AttestationError, match="cannot be read"):
        attest(folder)
    (folder / "manifest.json").unlink()
    with pytest.raises(AttestationError, match=r"has no manifest\.json"):
        attest(folder)


def test_binding_an_audit_keeps_the_models_hash(folder: Path) -> None:
    before = attest(folder)
    audit = AuditRef(verdict="fail", sha256="a" * 64, override_by="Ada", override_reason="a drill")
    bind_audit(folder, audit)
    after = attest(folder)
    assert after.audit == audit
    assert after.sha256 == before.sha256


NAMES = st.text("abcxyz", min_size=1, max_size=8)


@given(st.dictionaries(NAMES, st.binary(max_size=64), min_size=1, max_size=5), st.data())
def test_any_flipped_bit_is_found(files: dict[str, bytes], data: st.DataObject) -> None:
    with TemporaryDirectory() as raw:
        folder = Path(raw)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        write_manifest(folder, kind="base", name="b")
        attest(folder)
        name = data.draw(st.sampled_from(sorted(files)))
        content = bytearray(files[name] or b"\0")
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= 1 << data.draw(st.integers(0, 7))
        (folder / name).write_bytes(content)
        with pytest.raises(AttestationError):
            attest(folder)


def test_the_hash_does_not_depend_on_the_order_of_files() -> None:
    assert whole_sha256({"a": "1", "b": "2"}) == whole_sha256({"b": "2", "a": "1"})
    assert whole_sha256({"a": "1", "b": "2"}) != whole_sha256({"a": "2", "b": "1"})


def test_a_copy_has_the_same_hash(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    assert whole_sha256(hash_files(tmp_path / "copy")) == whole_sha256(hash_files(folder))
