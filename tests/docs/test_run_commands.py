"""Blocks of commands after `<!-- run -->` on a page are run as they stand, one after another in a folder of a user."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.command_lines import Line, lines_of_page
from tests.places import ROOT

_BLOCK = re.compile(r"<!-- run -->\n(```bash\n.*?\n```)", re.DOTALL)
LOOKING = {"doctor": (0, 2, 4)}
"""Commands whose status says what they found; all others have to end with 0."""


def blocks(page: Path) -> list[list[Line]]:
    return [list(lines_of_page(block)) for block in _BLOCK.findall(page.read_text(encoding="utf-8"))]


MARKED = [
    pytest.param(block, id=f"{page.name}-{number}")
    for page in sorted((ROOT / "docs").rglob("*.md"))
    for number, block in enumerate(blocks(page))
]


@pytest.mark.parametrize("block", MARKED)
def test_a_block_that_is_marked_runs_as_it_stands(block: list[Line], tmp_path: Path) -> None:
    assert block
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    for line in block:
        done = subprocess.run(
            [sys.executable, "-m", "belay", *line.words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        said = done.stdout + done.stderr
        assert done.returncode in LOOKING.get(line.words[0], (0,)), (
            f"{line} ended with {done.returncode}:\n{said}"
        )
        assert said.strip()
        assert "Traceback" not in said


def test_every_reader_has_commands_that_are_run() -> None:
    readers = sorted((ROOT / "docs" / "readers").glob("*.md"))
    assert [page.name for page in readers if not blocks(page)] == []
    marks = sum(
        page.read_text(encoding="utf-8").count("<!-- run -->") for page in (ROOT / "docs").rglob("*.md")
    )
    assert len(MARKED) == marks, "a mark stands right before a block of `bash`"
