"""The command line as a whole: what it lists, and what a command loads."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from belay.cli import app
from belay.lazy import LazyGroup, real
from tests.places import ROOT

HEAVY = {
    "torch",
    "transformers",
    "kafka",
    "sklearn",
    "scipy",
    "matplotlib",
    "fastapi",
    "vllm",
    "peft",
    "lm_eval",
}


def loaded_by(*arguments: str) -> set[str]:
    script = (
        "import json, sys\n"
        "from typer.testing import CliRunner\n"
        "from belay.cli import app\n"
        f"result = CliRunner().invoke(app, {list(arguments)!r})\n"
        "assert result.exit_code == 0, result.output\n"
        "print(json.dumps(sorted(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout)) & HEAVY


def listed(group: Any) -> Iterator[tuple[LazyGroup, str]]:
    for name in group.commands:
        if isinstance(group, LazyGroup) and name in group.table:
            yield group, name
        command = real(group, name)
        if hasattr(command, "commands"):
            yield from listed(command)


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [
        (["--help"], set()),
        (["router", "--help"], set()),
        (["rollout", "--help"], set()),
        (["rollout", "rollback", "--help"], set()),
        (["audit", "--help"], set()),
        (["repair", "--help"], set()),
        (["forward", "--help"], {"kafka"}),
        (["control", "--help"], set()),
    ],
    ids=lambda value: " ".join(sorted(value) if isinstance(value, set) else value),
)
def test_a_command_loads_what_it_needs_and_nothing_of_the_others(
    arguments: list[str], needed: set[str]
) -> None:
    assert loaded_by(*arguments) == needed


def test_no_command_but_the_processes_loads_anything_heavy_for_its_help() -> None:
    script = (
        "import json, sys, typer\n"
        "from belay.cli import COMMANDS, app\n"
        "group = typer.main.get_command(app)\n"
        "for name in COMMANDS:\n"
        "    if name not in ('forward', 'watch'):\n"
        "        group.load(name)\n"
        "print(json.dumps(sorted(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert set(json.loads(done.stdout)) & {*HEAVY, "numpy"} == set()


def test_a_line_of_the_list_is_what_the_command_says_of_itself() -> None:
    every = list(listed(typer.main.get_command(app)))
    assert len(every) > 20
    for group, name in every:
        said = inspect.cleandoc(group.load(name).help or "").split("\n\n")[0].replace("\n", " ")
        assert group.table[name].help == said


def test_a_name_that_is_none_is_told_the_near_one() -> None:
    result = CliRunner().invoke(app, ["rolout"])
    assert result.exit_code == 2
    assert "Did you mean 'rollout'" in result.output
