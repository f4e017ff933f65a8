"""The SBOM lists what is installed: every package of the lock, in its version, with its licence."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from typing import Any

import pytest

from tests.places import ROOT

SCRIPT = ROOT / "scripts" / "sbom.py"


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    printed = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(printed.stdout)
    return found


def test_every_package_of_the_lock_is_a_component_with_its_version_and_licence(made: dict[str, Any]) -> None:
    lines = [line.removesuffix(" \\") for line in (*_lines("lock.txt"), *_lines("torch.txt")) if "==" in line]
    assert {f"{one['name']}=={one['version']}" for one in made["components"]} == set(lines)
    assert len(made["components"]) == len(lines)
    said = dict(line.split(": ", 1) for line in _lines("licences.txt"))
    for one in made["components"]:
        (licence,) = one["licenses"]
        words = licence.get("expression") or licence["license"].get("id") or licence["license"]["name"]
        if one["name"] != "torch":
            assert words == said[f"{one['name']} {one['version']}"]


def test_it_has_the_form_that_cyclonedx_asks_for(made: dict[str, Any]) -> None:
    assert (made["bomFormat"], made["specVersion"], made["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", made["serialNumber"])
    references = [one["bom-ref"] for one in made["components"]]
    assert len(set(references)) == len(references)
    (ours,) = made["dependencies"]
    assert (ours["ref"], ours["dependsOn"]) == (made["metadata"]["component"]["bom-ref"], references)
    assert all(re.fullmatch(r"pkg:pypi/[a-z0-9-]+@[^@+]+", one["purl"]) for one in made["components"])


def test_the_same_lists_give_the_same_bytes(made: dict[str, Any]) -> None:
    assert runpy.run_path(str(SCRIPT))["sbom"]() == made


def _lines(file: str) -> list[str]:
    return (ROOT / "requirements" / file).read_text(encoding="utf-8").splitlines()
