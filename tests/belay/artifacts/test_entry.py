"""An entry is checked whole: no path out of the folder, no hash that is none, nothing of another artefact."""

from __future__ import annotations

import json
from typing import Any

import pytest

from belay.artifacts.entry import ArtifactError, read_entry
from serving.models.manifest import whole_sha256

SHA = "1" * 64


def entry(path: str = "audit.json", **changes: Any) -> bytes:
    said = {
        "format": "belay-artifact-1",
        "kind": "audits",
        "name": "mine",
        "pushed": "2026-11-30T07:00:00Z",
        "files": {path: {"sha256": SHA, "bytes": 3}},
        "sha256": whole_sha256({path: SHA}),
    }
    return json.dumps(said | changes).encode()


def read(content: bytes) -> None:
    read_entry(content, "audits", "mine", "store/entries/audits/mine.json")


def test_an_entry_is_read_with_its_files() -> None:
    found = read_entry(entry("more/audit.json"), "audits", "mine", "here")
    assert (found.ref, found.size, found.hashes) == ("audits/mine", 3, {"more/audit.json": SHA})


def test_what_a_model_is_known_again_by_is_the_one_hidden_file_that_is_taken() -> None:
    path = f".identity-{'7' * 16}.json"
    assert read_entry(entry(path), "audits", "mine", "here").hashes == {path: SHA}


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("../../.ssh/authorized_keys", "leads out"),
        ("/etc/passwd", "leads out"),
        ("a/./b", "leads out"),
        ("a//b", "leads out"),
        ("C:/x", "leads out"),
        ("a\\..\\b", "characters"),
        ("a\nb", "characters"),
        ("a/.hidden", "hidden"),
        (f"a/.identity-{'7' * 16}.json", "hidden"),
        ("pytorch_model.bin", "pickle"),
        ("Optimizer.PT", "pickle"),
    ],
)
def test_a_path_that_leads_out_is_hidden_or_a_pickle_is_refused(path: str, told: str) -> None:
    with pytest.raises(ArtifactError, match=told) as caught:
        read(entry(path))
    assert "store/entries/audits/mine.json" in caught.value.message


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (entry(sha256="2" * 64), "its files make"),
        (entry(files={"audit.json": {"sha256": "../x", "bytes": 3}}), "sha256"),
        (entry(files={"audit.json": {"sha256": SHA, "bytes": -1}}), "bytes"),
        (entry(files={}), "files"),
        (entry(format="belay-artifact-2"), "format"),
        (entry(extra=1), "unknown key"),
        (b"no json", "JSON"),
        (entry(name="other"), "describes audits/other, expected audits/mine"),
        (entry(name="../mine"), "name"),
    ],
)
def test_what_is_no_entry_of_this_artefact_is_refused(content: bytes, told: str) -> None:
    with pytest.raises(ArtifactError, match=told):
        read(content)


def test_a_tagger_is_one_file_of_its_name() -> None:
    content = entry("other.npz", kind="taggers", name="tagger.npz")
    with pytest.raises(ArtifactError, match=r"one file called 'tagger\.npz'"):
        read_entry(content, "taggers", "tagger.npz", "here")
