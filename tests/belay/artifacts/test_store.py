"""A store shows a content and an entry whole or not at all, reads no more than it should, and says what is away."""

from __future__ import annotations

import builtins
import hashlib
from pathlib import Path
from typing import Any

import pytest

from belay.artifacts.entry import Artifact, ArtifactError, StoredFile
from belay.artifacts.store import ArtifactStore, open_store
from serving.models.manifest import whole_sha256
from telemetry.errors import InfrastructureError, SettingsError
from telemetry.events import now


def stored(content: bytes) -> StoredFile:
    return StoredFile(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.fixture(params=["path", "file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    urls = {"path": str(tmp_path / "s"), "file": f"file://{tmp_path}/s", "memory": f"memory://{tmp_path}"}
    return open_store(urls[request.param])


def test_a_content_comes_back_as_it_went(store: ArtifactStore, tmp_path: Path) -> None:
    file = stored(b"some content")
    assert not store.has(file)
    store.send(written(tmp_path / "a", b"some content"), file)
    assert store.has(file)
    store.fetch(file, tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"some content"


def test_a_file_that_changed_while_it_was_sent_leaves_nothing(store: ArtifactStore, tmp_path: Path) -> None:
    file = stored(b"as it was")
    with pytest.raises(ArtifactError, match="changed while"):
        store.send(written(tmp_path / "a", b"as it is!"), file)
    assert not store.has(file)
    assert store._files.find(store._root) == []


@pytest.mark.parametrize(
    ("there", "told"),
    [(b"some c0ntent", "has sha256"), (b"some content and more", "is longer"), (b"some", "has sha256")],
)
def test_a_content_that_was_changed_is_refused(tmp_path: Path, there: bytes, told: str) -> None:
    file, store = stored(b"some content"), open_store(str(tmp_path / "s"))
    store.send(written(tmp_path / "a", b"some content"), file)
    written(tmp_path / "s" / "objects" / file.sha256[:2] / file.sha256, there)
    with pytest.raises(ArtifactError, match=told) as caught:
        store.fetch(file, tmp_path / "b")
    assert file.sha256 in caught.value.message


def test_a_content_that_is_gone_is_named(store: ArtifactStore, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="is not there"):
        store.fetch(stored(b"never"), tmp_path / "b")


def test_entries_are_listed_by_kind_and_name_and_replaced(store: ArtifactStore) -> None:
    assert (store.entries(), store.find("audits", "mine")) == ([], None)
    for content in (b"1", b"2"):
        files = {"a.json": stored(content)}
        sha256 = whole_sha256({"a.json": files["a.json"].sha256})
        store.publish(Artifact(kind="audits", name="mine", pushed=now(), files=files, sha256=sha256))
    assert store.entries() == [("audits", "mine")]
    found = store.find("audits", "mine")
    assert found is not None
    assert found.files == {"a.json": stored(b"2")}


def test_an_entry_without_bound_is_not_read(tmp_path: Path) -> None:
    place = tmp_path / "s" / "entries" / "audits" / "mine.json"
    place.parent.mkdir(parents=True)
    with place.open("wb") as file:
        file.truncate(9 << 20)
    with pytest.raises(ArtifactError, match="more than 8,388,608 bytes"):
        open_store(str(tmp_path / "s")).find("audits", "mine")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("ftp://host/x", "'ftp', expected a path or one of file, s3"),
        ("s3://key:hidden@bucket/x", "has a password in it"),
        ("file:///", "names no bucket or folder"),
    ],
)
def test_a_url_that_is_no_store_is_refused(url: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told) as caught:
        open_store(url)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "module", "package"),
    [
        ("s3://bucket/x", "s3fs", "s3fs"),
        ("gs://bucket/x", "gcsfs", "gcsfs"),
        ("az://container/x", "adlfs", "adlfs"),
        ("folder", "fsspec", r"belay\[artifacts\]"),
    ],
)
def test_the_package_that_is_missing_is_named(
    url: str, module: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] == module:
            raise ImportError(name)
        return found(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setattr("importlib.import_module", without)
    with pytest.raises(InfrastructureError, match="not installed") as caught:
        open_store(url)
    assert package.replace("\\", "") in caught.value.hint


def test_a_store_that_refuses_is_infrastructure(tmp_path: Path) -> None:
    written(tmp_path / "s", b"a file and no folder")
    with pytest.raises(InfrastructureError, match=r"cannot store a \(.*/s\): "):
        open_store(str(tmp_path / "s")).send(written(tmp_path / "a", b"x"), stored(b"x"))
