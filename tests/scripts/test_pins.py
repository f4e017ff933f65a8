"""What the lists pin: every package in one version, and each file of it that may be installed by its hash."""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.places import ROOT

ONE, OTHER = "1" * 64, "a" * 64


@pytest.fixture
def pins() -> Callable[..., list[Any]]:
    found: Callable[..., list[Any]] = runpy.run_path(str(ROOT / "scripts" / "pins.py"))["pins"]
    return found


def test_every_package_has_hashes_but_pytorchs_build(pins: Callable[..., list[Any]]) -> None:
    assert [pin.name for pin in pins("lock.txt", "cuda.txt") if not pin.hashes] == []
    assert [(pin.name, pin.hashes) for pin in pins("torch.txt")] == [("torch", ())]


def test_hashes_belong_to_the_package_above_them_and_what_is_read_is_written_the_same(
    pins: Callable[..., list[Any]], tmp_path: Path
) -> None:
    text = f"a===1+x \\\n    --hash=sha256:{ONE} \\\n    --hash=sha256:{OTHER}\nb==2\n"
    (tmp_path / "lock.txt").write_text(f"# a remark\n{text}")
    found = pins("lock.txt", folder=tmp_path)
    assert [(pin.name, pin.version, pin.hashes) for pin in found] == [
        ("a", "1+x", (ONE, OTHER)),
        ("b", "2", ()),
    ]
    assert "".join(map(str, found)) == text


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("numpy>=2", "line 2: got 'numpy>=2', expected NAME==VERSION"),
        ("numpy", "line 2: got 'numpy', expected NAME==VERSION"),
        ("-r other.txt", "line 2: got '-r other.txt', expected NAME==VERSION"),
        (f"    --hash=sha256:{ONE}", "expected NAME==VERSION"),
        ("numpy==2 \\\nscipy==1", "line 3: got 'scipy==1', expected --hash=sha256: and 64 digits"),
        ("numpy==2 \\\n    --hash=sha256:12", "expected --hash=sha256: and 64 digits"),
        ("numpy==2 \\", "ends within numpy"),
    ],
)
def test_a_line_that_pins_nothing_is_told_and_not_left_out(
    line: str, told: str, pins: Callable[..., list[Any]], tmp_path: Path
) -> None:
    (tmp_path / "lock.txt").write_text(f"attrs==1.0\n{line}\n")
    with pytest.raises(SystemExit, match=re.escape(told)):
        pins("lock.txt", folder=tmp_path)
