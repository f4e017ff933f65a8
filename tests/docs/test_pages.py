"""What the pages say is there: commands with their options, modules, settings with their defaults."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import BaseModel

from belay.cli import app
from belay.lazy import real
from evaluator.briefs.yaml_text import Place, read_yaml
from tests.places import ROOT
from trainer.config import load_train_settings

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FOLDERS = ("telemetry", "serving", "router", "evaluator", "trainer", "belay")
COMMAND = re.compile(r"(?<![\w./-])belay ([^&|#`()\n]+)")


def code(page: str) -> Iterator[str]:
    """Lines of code blocks, fenced or indented, and code within lines."""
    fenced = False
    for line in page.splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            yield line
        else:
            yield from re.findall(r"`([^`]+)`", line)


def commands(page: str) -> list[list[str]]:
    return [found.split() for text in code(page) for found in COMMAND.findall(text.split("#")[0])]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_and_option_on_a_page_exists(page: Path) -> None:
    for words in commands(page.read_text(encoding="utf-8")):
        command, rest = typer.main.get_command(app), words
        while hasattr(command, "commands") and rest and rest[0] in command.commands:
            command, rest = real(command, rest[0]), rest[1:]
        assert not hasattr(command, "commands") or rest[:1] in ([], ["--help"]), words
        options = {name for parameter in command.params for name in parameter.opts} | {"--help"}
        assert {word.split("=")[0] for word in rest if word.startswith("-")} <= options, words


def test_commands_are_found_where_they_stand() -> None:
    page = (
        "Run `belay map measure`.\n\n    belay a && belay b x &   # belay not\n    -> scores (belay watch)\n"
    )
    assert commands(page) == [["map", "measure"], ["a"], ["b", "x"], ["watch"]]


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_module_table_of_a_folder_names_its_modules_and_no_others(folder: str) -> None:
    page = (ROOT / "docs" / f"{folder}.md").read_text(encoding="utf-8")
    section = page.split("## Modules\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split(" | ") for line in section.splitlines() if line.startswith("|")]
    titles = [cell.strip() for cell in rows[0]]
    rooms, modules = titles.index("room"), titles.index("modules")
    named = [
        (row[rooms].strip(" `/."), name) for row in rows[2:] for name in re.findall(r"`(\w+)`", row[modules])
    ]
    files = [path.relative_to(ROOT / folder) for path in (ROOT / folder).rglob("*.py")]
    there = [
        (file.parent.as_posix().strip("."), file.stem) for file in files if not file.stem.startswith("__")
    ]
    assert sorted(named) == sorted(there)


@pytest.mark.parametrize("page", [*PAGES, ROOT / "bench" / "README.md"], ids=lambda page: page.name)
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = re.findall(
        rf"`((?:{'|'.join((*FOLDERS, 'tests', 'bench', 'docs', 'examples'))})/[\w./-]+)`", text
    )
    assert [name for name in named if "NAME" not in name and not (ROOT / name).exists()] == []


def test_every_folder_says_what_lives_in_it_and_what_may_be_touched_from_outside() -> None:
    for file in (found for folder in FOLDERS for found in (ROOT / folder).rglob("__init__.py")):
        said = (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").splitlines()
        assert len(said) >= 3, f"{file.relative_to(ROOT)} says {said}"


def values(model: BaseModel, place: Place = ()) -> Iterator[tuple[Place, Any, Any]]:
    """Each key of the settings that has a default: its place, its value, its default; blocks by their keys."""
    for name, field in type(model).model_fields.items():
        value, here = getattr(model, name), (*place, name)
        blocks = value if isinstance(value, tuple) else (value,)
        if all(isinstance(block, BaseModel) for block in blocks) and blocks:
            for number, block in enumerate(blocks):
                yield from values(block, (*here, number) if isinstance(value, tuple) else here)
        elif field.is_required():
            yield here, value, value
        else:
            yield here, value, field.get_default(call_default_factory=True)


def test_the_training_settings_on_their_page_load_name_every_key_and_tell_the_defaults(
    tmp_path: Path,
) -> None:
    page = (ROOT / "docs" / "trainer.md").read_text(encoding="utf-8")
    text = page.split("```yaml\n")[1].split("```")[0]
    file = tmp_path / "run.yaml"
    file.write_text(text, encoding="utf-8")
    shown, lines = read_yaml(text), text.splitlines()
    for place, value, default in values(load_train_settings(file)):
        assert place in shown.nodes, f"{place} is not on the page"
        told = re.search(r"[Dd]efault: ", lines[(shown.line(place) or 0) - 1])
        assert told or value == default, f"{place}: {value!r} is not the default, {default!r}"
