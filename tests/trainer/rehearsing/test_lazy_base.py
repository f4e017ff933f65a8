"""Base in memory: only where it has to answer, and only until it is forgotten."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from serving.models.manifest import read_manifest
from telemetry.events import Message
from tests.trainer.tiny import tiny_base
from trainer.methods import lora
from trainer.rehearsing.lazy_base import LazyBase
from trainer.scoring.suite import Question

TURNS = ([Message(role="user", content="hello how are you")], [Message(role="user", content="my parcel")])
QUESTIONS = (Question("manners", "hello how are you", 4), Question("parcels", "my parcel", 4))


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders from which a model was loaded."""
    found: list[Path] = []
    load = lora.load_base

    def counted(folder: Path, dtype: str) -> Any:
        found.append(folder)
        return load(folder, dtype)

    monkeypatch.setattr(lora, "load_base", counted)
    return found


@pytest.fixture
def made(tmp_path: Path) -> Callable[[], LazyBase]:
    folder = tiny_base(tmp_path / "base")
    sha256 = read_manifest(folder).sha256
    return lambda: LazyBase(folder, sha256, "float32", "cpu", tmp_path / "answers.sqlite")


def test_base_is_loaded_once_for_all_that_it_has_to_answer(
    made: Callable[[], LazyBase], loads: list[Path]
) -> None:
    base = made()
    assert loads == []
    base.conversations()(TURNS, 4)
    base.questions(None)(QUESTIONS)
    assert len(loads) == 1


def test_what_base_answered_needs_no_model_in_another_run(
    made: Callable[[], LazyBase], loads: list[Path]
) -> None:
    first = made()
    known = first.conversations()(TURNS, 4), first.questions("be kind")(QUESTIONS)
    again = made()
    assert (again.conversations()(TURNS, 4), again.questions("be kind")(QUESTIONS)) == known
    assert len(loads) == 1


def test_a_forgotten_base_is_loaded_again_only_for_what_it_has_not_answered(
    made: Callable[[], LazyBase], loads: list[Path]
) -> None:
    base = made()
    base.conversations()(TURNS[:1], 4)
    base.forget()
    base.forget()
    base.conversations()(TURNS[:1], 4)
    assert len(loads) == 1
    base.conversations()(TURNS, 4)
    assert len(loads) == 2
