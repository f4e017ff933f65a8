"""What the pages say is there: modules, files, settings with their defaults. Commands: test_commands."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from evaluator.briefs.yaml_text import Place, read_yaml
from tests.places import ROOT
from trainer.config import load_train_settings

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FOLDERS = ("telemetry", "serving", "router", "evaluator", "trainer", "belay")
PLACES = "|".join((*FOLDERS, "tests", "bench", "deploy", "docs", "examples", "scripts", "requirements"))


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
    named = re.findall(rf"`((?:{PLACES})/[\w./-]+)`", text)
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
