from __future__ import annotations

import importlib.util
import sys
import time
from pathlib import Path

import pytest

from serving.models.base_model import PACKAGE, find_gguf, prepare_base_model
from serving.models.manifest import read_manifest, write_manifest
from telemetry.errors import AttestationError, InfrastructureError

needs_package = pytest.mark.skipif(
    importlib.util.find_spec(PACKAGE) is None, reason=f"{PACKAGE} is not installed"
)


def test_a_missing_package_is_one_clear_message() -> None:
    with pytest.raises(InfrastructureError, match="no_such_weights") as caught:
        find_gguf("no_such_weights")
    assert "make setup" in caught.value.hint


def test_a_package_without_weights_is_one_clear_message() -> None:
    with pytest.raises(InfrastructureError, match="found none"):
        find_gguf("serving")


@needs_package
def test_the_weights_are_found_without_importing_their_package() -> None:
    assert find_gguf().suffix == ".gguf"
    assert PACKAGE not in sys.modules


def test_a_folder_that_attests_is_left_alone_and_costs_no_time(tmp_path: Path) -> None:
    folder = tmp_path / "base"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    before = write_manifest(folder, kind="base", name="b")
    started = time.monotonic()
    assert prepare_base_model(folder) == folder
    assert time.monotonic() - started < 0.5
    assert read_manifest(folder) == before


def test_a_candidates_folder_is_not_taken_for_a_base(tmp_path: Path) -> None:
    write_manifest(tmp_path, kind="candidate", name="c")
    with pytest.raises(AttestationError, match="candidate 'c'"):
        prepare_base_model(tmp_path)


def test_somebody_elses_folder_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(AttestationError, match=r"no manifest\.json"):
        prepare_base_model(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


@needs_package
@pytest.mark.slow
def test_the_package_becomes_a_model_that_knows_the_capital_of_france(real_base: Path) -> None:
    manifest = read_manifest(real_base)
    assert manifest.kind == "base"
    assert {"model.safetensors", "config.json", "tokenizer.json", "chat_template.jinja"} <= set(
        manifest.files
    )
    assert [path.name for path in real_base.parent.iterdir()] == ["base"]
