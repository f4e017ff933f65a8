"""Environments of a benchmark's own in `.belay/bench`, made once and kept: what is compared is not what Belay needs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from _shape import say

REPOSITORY: Final = Path(__file__).resolve().parents[1]
ENVIRONMENTS: Final = REPOSITORY / ".belay" / "bench"


class NotHere(Exception):
    """This peer cannot be measured on this machine; says why."""


def python_environment(name: str, *requirements: str) -> Path:
    """A virtual environment with these packages. Raises NotHere."""
    folder = ENVIRONMENTS / name
    commands = (
        [sys.executable, "-m", "venv", str(folder)],
        [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", *requirements],
    )
    return _made(folder, requirements, commands)


def node_environment(name: str, *packages: str) -> Path:
    """A folder whose `node_modules` has these packages. Raises NotHere."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise NotHere("no Node on this machine (apt-get install nodejs npm)")
    folder = ENVIRONMENTS / name
    install = [npm, "install", "--prefix", str(folder), "--silent", "--no-audit", "--no-fund", *packages]
    return _made(folder, packages, (install,))


def _made(folder: Path, wanted: Sequence[str], commands: Sequence[list[str]]) -> Path:
    mark, told = folder / "installed", json.dumps(wanted)
    if mark.is_file() and mark.read_text(encoding="utf-8") == told:
        return folder
    say(f"installing {' '.join(wanted)} into {folder}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NotHere(f"{' '.join(wanted)} does not install: {done.stderr.strip()[-300:]}")
    mark.write_text(told, encoding="utf-8")
    return folder
