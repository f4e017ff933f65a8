"""What the check for machines with a GPU says here, where there is none; and how it compares two sides."""

from __future__ import annotations

import copy
import importlib.machinery
import importlib.util
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.places import ROOT

SCRIPT = ROOT / "scripts" / "gpu_check"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("gpu_check", str(SCRIPT))
    spec = importlib.util.spec_from_loader("gpu_check", loader)
    assert spec is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules["gpu_check"] = made
    loader.exec_module(made)
    return made


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{folder}:/usr/bin:/bin"}
    environment.pop("CUDA_VISIBLE_DEVICES", None)
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        check=False,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_without_a_gpu_it_says_so_and_ends_with_4(tmp_path: Path) -> None:
    ended = run(tmp_path)
    assert ended.returncode == 4
    assert "no GPU: nvidia-smi is not there" in ended.stderr
    assert "nothing was checked" in ended.stderr
    found = json.loads(ended.stdout)
    assert (found["cards"], "holds" in found) == ([], False)


def test_a_gpu_that_torch_does_not_see_is_none(tmp_path: Path) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho '0, GPU-1, NVIDIA H200, 9.0'\n")
    tool.chmod(0o755)
    ended = run(tmp_path, "--out", str(tmp_path / "x" / "seen.json"))
    assert ended.returncode == 4
    found = json.loads((tmp_path / "x" / "seen.json").read_text())
    assert found["cards"] == ["NVIDIA H200"]
    assert "does not see it" in found["reason"]


def a_side() -> dict[str, Any]:
    of = {"losses": [8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0], "went_on": [4.0, 3.0, 2.0, 1.0]}
    return {dtype: {**of, "fisher": [1.0, 2.0], "answers": ["a b c"]} for dtype in ("float32", "bfloat16")}


def failing(script: ModuleType, cuda: dict[str, Any]) -> list[str]:
    return [one.name for one in script.compared(a_side(), cuda) if not one.holds]


def test_equal_sides_agree(script: ModuleType) -> None:
    assert failing(script, a_side()) == []


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"losses": [8.1, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0]}, "first_loss"),
        ({"losses": [8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, math.nan]}, "losses"),
        ({"fisher": [1.0, 2.1]}, "fisher"),
        ({"fisher": [1.0]}, "fisher"),
        ({"answers": ["b c a"]}, "words"),
        ({"went_on": [4.0, 3.0, 2.0, 1.1]}, "went_on"),
    ],
)
def test_what_differs_is_named(changed: dict[str, Any], name: str, script: ModuleType) -> None:
    cuda = copy.deepcopy(a_side())
    cuda["float32"] |= changed
    assert f"float32 {name}" in failing(script, cuda)


def test_words_count_until_the_first_that_differs(script: ModuleType) -> None:
    assert script.equal_words(["a b c d"], ["a b x d"]) == 0.5
    assert script.equal_words(["a b", ""], ["a b", ""]) == 1.0
    assert script.equal_words(["a"], ["a b"]) == 0.5


def test_a_side_that_fails_is_told_with_its_last_words(script: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="ended with status 1"):
        script.asked_side(tmp_path / "no-model", {"CUDA_VISIBLE_DEVICES": ""}, 200.0)


@pytest.mark.slow
def test_two_sides_on_one_cpu_are_the_same_and_an_engine_needs_a_gpu(script: ModuleType) -> None:
    found: dict[str, Any] = {}
    assert script.check(found), found
    assert all(one["value"] in (0.0, 1.0) for one in found["checks"])
    assert found["served"]["engines"] == []
    assert "not installed" in found["served"]["why"]
