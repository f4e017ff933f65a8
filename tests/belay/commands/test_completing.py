"""What a shell gets when somebody presses TAB, by the very variables that the shells' scripts set."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from serving.models.manifest import Kind, write_manifest
from telemetry.rollout_file import write_rollout
from tests.belay.test_cli import HEAVY
from tests.places import ROOT
from tests.telemetry.samples import rollout

SHELLS = ("bash", "zsh", "fish")


def environment(shell: str, typed: str) -> dict[str, str]:
    """What the script of a shell sets when TAB is pressed after `typed`."""
    said = {"_BELAY_COMPLETE": f"complete_{shell}", "PYTHONPATH": str(ROOT)}
    if shell == "bash":
        said |= {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split(" ")) - 1)}
    else:
        said |= {"_TYPER_COMPLETE_ARGS": typed, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    return {**os.environ, **said}


def completed(shell: str, typed: str, folder: Path) -> list[str]:
    """The values offered, and the heavy modules that were loaded meanwhile, of which there have to be none."""
    script = (
        "import atexit, json, sys\n"
        "atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))\n"
        "sys.argv = ['belay']\n"
        "from belay.cli import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env=environment(shell, typed),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stderr.splitlines()[-1])) & HEAVY == set()
    if shell == "zsh":  # _arguments '*: :(("value":"help" ...))'
        return [part.split('"')[1] for part in done.stdout.splitlines() if part.count('"') > 1]
    return [line.split("\t")[0] for line in done.stdout.splitlines() if line]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a base, a candidate and an adapter in its home, a rollout, and a second home with one base."""
    place = tmp_path_factory.mktemp("completing")
    kinds: dict[str, Kind] = {"mine": "base", "mine-2": "candidate", "their-lora": "adapter"}
    for name, kind in kinds.items():
        _model(place / ".belay", name, kind)
    _model(place / "other", "elsewhere", "base")
    run = place / ".belay" / "runs" / "route-support" / "rollout.json"
    run.parent.mkdir(parents=True)
    write_rollout(run, rollout("mine-2-0417"))
    return place


def _model(home: Path, name: str, kind: Kind) -> None:
    model = home / "models" / name
    model.mkdir(parents=True)
    (model / "config.json").write_text("{}")
    write_manifest(model, kind=kind, name=name, base_sha256=None if kind == "base" else "0" * 64)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("belay rep", ["repair", "replay"]),
        ("belay rollout p", ["pins", "promote", "pause"]),
        ("belay rollout d", ["draft", "diff"]),
        ("belay audit --m", ["--model", "--markdown"]),
        ("belay audit ", ["mine-2", "their-lora"]),
        ("belay serve mi", ["mine", "mine-2"]),
        ("belay train run.yaml --base ", ["mine"]),
    ],
)
def test_a_shell_is_offered_commands_options_and_models(
    shell: str, typed: str, offered: list[str], folder: Path
) -> None:
    assert completed(shell, typed, folder) == offered


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("belay serve mine --adapter ", ["their-lora"]),
        ("belay override ", ["mine-2", "their-lora"]),
        ("belay rollout draft m", ["mine-2"]),
        ("belay up --candidate t", ["their-lora"]),
        ("belay up c", ["candidate", "control"]),
        ("belay serve --home other ", ["elsewhere"]),
        ("belay rollout rollback ", ["mine-2-0417"]),
        ("belay repair ", ["mine-2-0417"]),
        ("belay adopt ./x --as ", ["base", "candidate", "adapter"]),
    ],
)
def test_a_name_is_looked_for_where_the_command_would(typed: str, offered: list[str], folder: Path) -> None:
    assert completed("bash", typed, folder) == offered


def test_the_home_of_belay_yaml_is_the_one_that_is_looked_in(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "belay.yaml").write_text(
        f"route: shop\nbase: elsewhere\nbrief: brief.yaml\nhome: {folder / 'other'}\n"
    )
    assert completed("bash", "belay serve ", tmp_path) == ["elsewhere"]


def test_nothing_is_offered_and_nothing_breaks_where_there_is_nothing(tmp_path: Path) -> None:
    assert completed("bash", "belay audit ", tmp_path) == []
    assert completed("bash", "belay nothing ", tmp_path) != ["Traceback"]


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_installs_itself_for_a_shell_and_shows_its_script(shell: str, tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path), "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    for option in ("--show-completion", "--install-completion"):
        done = subprocess.run(
            [sys.executable, "-m", "belay", option, shell],
            env={**os.environ, "PYTHONPATH": str(ROOT), **home},
            capture_output=True,
            text=True,
            check=True,
        )
        assert option != "--show-completion" or f"_BELAY_COMPLETE=complete_{shell}" in done.stdout
    written = [
        path for path in tmp_path.rglob("*") if path.is_file() and "_BELAY_COMPLETE" in path.read_text()
    ]
    assert len(written) == 1


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_bash_itself_completes_by_the_script(folder: Path, tmp_path: Path) -> None:
    command = tmp_path / "belay"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m belay "$@"\n')
    command.chmod(0o755)
    asked = (
        'eval "$(_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION=1 belay --show-completion bash)"\n'
        "COMP_WORDS=(belay audit mi); COMP_CWORD=2; _belay_completion belay\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(
        [str(shutil.which("bash")), "-c", asked],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["mine-2"]
