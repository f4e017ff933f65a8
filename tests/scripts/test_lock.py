"""The hashes of the lock are those of every file that somebody may install, from pip's own index."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.places import ROOT

LINUX, WINDOWS, SOURCE, LATER = (digit * 64 for digit in "1234")
FILES = {
    "my_tool-1.0-cp311-cp311-manylinux_2_17_x86_64.whl": LINUX,
    "my_tool-1.0-cp39-abi3-win_amd64.whl": WINDOWS,
    "my_tool-1.0.tar.gz": SOURCE,
    "my_tool-1.0-cp312-cp312-win_amd64.whl": LATER,
    "my_tool-1.0-cp310-cp310-win_amd64.whl": LATER,
    "my_tool-1.0-pp311-pypy311_pp73-win_amd64.whl": LATER,
    "my_tool-1.1-py3-none-any.whl": LATER,
    "my_tool-1.0-py3.11.egg": LATER,
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A checkout with two lists and the script, and an index that has files of one package."""
    for folder in ("scripts", "requirements"):
        (tmp_path / folder).mkdir()
    for script in ("lock.py", "pins.py"):
        shutil.copy(ROOT / "scripts" / script, tmp_path / "scripts")
    (tmp_path / "requirements" / "lock.txt").write_text("# said\nMy_Tool==1.0\n")
    for other in ("cuda.txt", "tools.txt"):
        (tmp_path / "requirements" / other).write_text("")
    index(tmp_path, "first", FILES)
    return tmp_path


def index(place: Path, name: str, files: dict[str, str]) -> None:
    page = place / name / "my-tool" / "index.html"
    page.parent.mkdir(parents=True)
    links = "".join(f'<a href="{file}#sha256={sha256}">{file}</a>\n' for file, sha256 in files.items())
    page.write_text(f"<!DOCTYPE html><html><body>{links}</body></html>")


def locked(place: Path, first: str = "first", **settings: str) -> subprocess.CompletedProcess[str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    pip = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": (place / first).as_uri()} | settings
    command = [sys.executable, str(place / "scripts" / "lock.py")]
    return subprocess.run(command, env=ours | pip, capture_output=True, text=True, check=False, timeout=60)


def test_files_of_every_platform_and_the_source_have_a_hash_and_those_for_other_pythons_none(
    place: Path,
) -> None:
    stands = f"# said\nMy_Tool==1.0 \\\n    --hash=sha256:{LATER}\n"
    (place / "requirements" / "lock.txt").write_text(stands)
    assert locked(place).stdout.splitlines() == [
        "requirements/lock.txt: 3 hashes", "requirements/cuda.txt: 0 hashes", "requirements/tools.txt: 0 hashes"
    ]  # fmt: skip
    wanted = "".join(f" \\\n    --hash=sha256:{one}" for one in (LINUX, WINDOWS, SOURCE))
    assert (place / "requirements" / "lock.txt").read_text() == f"# said\nMy_Tool==1.0{wanted}\n"


def test_two_different_files_under_one_name_stop_it(place: Path) -> None:
    index(place, "mirror", {"my_tool-1.0.tar.gz": LATER})
    before = (place / "requirements" / "lock.txt").read_text()
    ended = locked(place, PIP_EXTRA_INDEX_URL=(place / "mirror").as_uri())
    assert (ended.returncode, ended.stderr) == (
        1,
        "my_tool-1.0.tar.gz: pip's indexes hold two different files under this name\n",
    )
    assert (place / "requirements" / "lock.txt").read_text() == before


def test_an_index_that_cannot_be_asked_leaves_no_list_with_a_mirrors_files_alone(place: Path) -> None:
    ended = locked(place, first="away", PIP_EXTRA_INDEX_URL=(place / "first").as_uri())
    assert ended.returncode == 1
    assert "My_Tool: pip's index could not be asked, or does not know it" in ended.stderr
