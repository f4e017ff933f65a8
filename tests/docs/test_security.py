"""The threat model: each threat names its defence and a test, and each test is there."""

from __future__ import annotations

import ast
import functools
import re

from tests.places import ROOT

PAGE = ROOT / "docs" / "security.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


@functools.cache
def functions_in(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def threats() -> list[list[str]]:
    """The rows of the tables of threats, cell by cell."""
    found, inside = [], False
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("| ").split(" | ")]
        if cells == ["threat", "defence", "test"]:
            inside = True
        elif not line.startswith("|"):
            inside = False
        elif inside and not set(line) <= set("|- "):
            found.append(cells)
    return found


def test_each_threat_names_its_defence_and_a_test() -> None:
    rows = threats()
    assert len(rows) >= 40
    for row in rows:
        assert len(row) == 3, row
        assert row[1], row
        assert NAMED.search(row[2]), f"no test is named for {row[0]!r}"


def test_every_test_that_the_page_names_is_there() -> None:
    named = NAMED.findall(PAGE.read_text(encoding="utf-8"))
    assert [f"{file}::{name}" for file, name in named if name not in functions_in(file)] == []
