"""Whatever is typed wrongly is answered in a sentence that says what came and where, with the documented status."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from belay.cli import app, in_words
from telemetry.errors import BelayError
from tests.belay.mistakes.cases import Case, cases
from tests.belay.mistakes.world import World, made

pytestmark = pytest.mark.usefixtures("logging_as_before")
ALL = cases()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with made(tmp_path_factory.mktemp("world")) as found:
        yield found


def answer_to(arguments: list[str]) -> tuple[int, str]:
    """The status with which the command line ends, and all that it says; a traceback where that would be shown."""
    ended = CliRunner().invoke(app, arguments)
    if ended.exception is None or isinstance(ended.exception, SystemExit):
        return ended.exit_code, ended.output
    if isinstance(ended.exception, (BelayError, OSError)):
        told = in_words(ended.exception)
        return told.exit_code, f"{ended.output}\n{told}"
    return 1, "Traceback: " + "".join(traceback.format_exception(ended.exception))


def plain(text: str) -> str:
    """Without frames and line breaks, which lie where the terminal is narrow."""
    return "".join(character for character in text if character not in "│╭╮╰╯─\n ")


def test_there_are_enough_cases_and_none_twice() -> None:
    assert len(ALL) >= 150
    assert len({case.name for case in ALL}) == len(ALL)


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_a_mistake_is_told(case: Case, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    status, said = answer_to([world.filled(argument) for argument in case.arguments])
    assert "Traceback" not in said, said
    assert status == case.status, said
    for told in case.told:
        assert plain(world.filled(told)) in plain(said), said
    assert not any(tmp_path.iterdir()), "nothing half-written stays"


def test_a_traceback_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr("belay.steps.models.stock", broken)
    monkeypatch.setattr("belay.commands.adopt.stock", broken)
    assert "Traceback" in answer_to(["models"])[1]
