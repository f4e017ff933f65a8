"""Secrets are known by their hashes alone, and from one look at their file to the next."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import pytest

from telemetry.errors import SettingsError, UsageError
from telemetry.hashed_secrets import HashedSecret, SecretsFile, hashed, make, without, write_document
from telemetry.settings import Settings


class Pass(HashedSecret):
    WORD: ClassVar[str] = "pass"
    HINT: ClassVar[str] = "belay pass"


class Passes(Settings):
    passes: tuple[Pass, ...] = ()


def followed(path: Path) -> SecretsFile[Passes, Pass]:
    return SecretsFile(path, Passes, lambda found: found.passes, "pass")


def made(path: Path, *names: str) -> list[str]:
    secrets, entries = zip(*(make(Pass, (), name, path) for name in names), strict=True)
    write_document(path, Passes(passes=entries))
    return list(secrets)


def test_a_secret_has_256_bits_and_is_never_made_twice(tmp_path: Path) -> None:
    secrets = {make(Pass, (), "ada", tmp_path)[0] for _ in range(100)}
    assert len(secrets) == 100
    assert min(map(len, secrets)) >= len("belay_") + 43


def test_a_secret_is_found_by_itself_and_by_nothing_like_it(tmp_path: Path) -> None:
    file = tmp_path / "passes.yaml"
    ada, bob = made(file, "ada", "bob")
    known = followed(file)
    assert [entry.name for entry in (known.find(ada), known.find(bob)) if entry is not None] == ["ada", "bob"]
    near = ["", ada[:-1], ada + "x", ada.upper(), hashed(ada), "\udcff"]
    assert [known.find(secret.encode(errors="replace").decode()) for secret in near] == [None] * len(near)


def test_what_changes_in_the_file_counts_from_the_next_look_on(tmp_path: Path) -> None:
    file = tmp_path / "passes.yaml"
    ada, bob = made(file, "ada", "bob")
    known = followed(file)
    assert not known.look()
    write_document(file, Passes(passes=without(known.entries(), "ada", file, "pass")))
    assert known.look()
    assert known.find(ada) is None
    assert known.find(bob) is not None


@pytest.mark.parametrize("content", [b"passes: [", b"passes: [{name: ada}]", b"\xff", None])
def test_a_file_that_breaks_takes_nobodys_secret_away(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "passes.yaml"
    (ada,) = made(file, "ada")
    known = followed(file)
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    assert not known.look()
    assert known.find(ada) is not None
    with pytest.raises(SettingsError, match=str(file)):
        followed(file)


def test_json_is_read_as_yaml_is(tmp_path: Path) -> None:
    file = tmp_path / "passes.json"
    file.write_text(json.dumps({"passes": [{"name": "ada", "sha256": hashed("s")}]}), encoding="utf-8")
    assert followed(file).find("s") is not None


def test_a_name_has_one_secret_and_must_be_one(tmp_path: Path) -> None:
    known = (make(Pass, (), "ada", tmp_path)[1],)
    with pytest.raises(UsageError, match=r"has a pass of 'ada'[\s\S]*belay pass revoke"):
        make(Pass, known, "ada", tmp_path)
    with pytest.raises(SettingsError, match="'a b' is no name for a pass"):
        make(Pass, known, "a b", tmp_path)
    with pytest.raises(UsageError, match="has no pass of 'bob'; known are ada"):
        without(known, "bob", tmp_path, "pass")
