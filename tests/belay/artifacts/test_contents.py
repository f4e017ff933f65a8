"""What of a home goes into a store: files of its own, as they should be, and no pickle under any name."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path

import pytest

from belay.artifacts.contents import contents_of
from belay.artifacts.entry import ArtifactError
from telemetry.errors import AttestationError


def zipped(name: str) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr(name, b"x")
    return held.getvalue()


def test_every_file_has_its_hash_and_size_and_hidden_ones_stay(home: Path) -> None:
    found = contents_of("audits", home / "audits" / "mine")
    assert {path: file.bytes for path, file in found.items()} == {"report.html": 11}


def test_a_link_is_refused_and_what_to_do_is_said(home: Path) -> None:
    (home / "models" / "mine" / "more.json").symlink_to("/etc/hostname")
    with pytest.raises(ArtifactError, match="is a link") as caught:
        contents_of("models", home / "models" / "mine")
    assert "--copy" in caught.value.hint


def test_an_artefact_that_is_a_link_itself_is_refused(home: Path) -> None:
    (home / "audits" / "linked").symlink_to(home / "audits" / "mine")
    with pytest.raises(ArtifactError, match="is a link"):
        contents_of("audits", home / "audits" / "linked")


@pytest.mark.parametrize(
    "content",
    [pickle.dumps({"a": 1}, protocol=protocol) for protocol in (2, 3, 4, 5)] + [zipped("archive/data.pkl")],
    ids=["2", "3", "4", "5", "torch"],
)
def test_a_pickle_is_refused_whatever_its_name(home: Path, content: bytes) -> None:
    (home / "audits" / "mine" / "notes.json").write_bytes(content)
    with pytest.raises(ArtifactError, match=r"notes\.json is a pickle"):
        contents_of("audits", home / "audits" / "mine")


def test_a_zip_of_arrays_and_safetensors_that_begin_like_a_pickle_are_none(home: Path) -> None:
    folder = home / "audits" / "mine"
    (folder / "arrays.npz").write_bytes(zipped("arr_0.npy"))
    (folder / "w.safetensors").write_bytes((0x280).to_bytes(8, "little"))
    assert len(contents_of("audits", folder)) == 3


def test_a_model_that_was_changed_after_it_was_made_is_not_stored(home: Path) -> None:
    (home / "models" / "mine" / "model.safetensors").write_bytes(b"others")
    with pytest.raises(AttestationError, match=r"model\.safetensors differs"):
        contents_of("models", home / "models" / "mine")
