"""Against a server that speaks S3 (moto's), by the commands and s3fs; skips where there are no such packages."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from serving.models.manifest import attest, bytes_sha256
from tests.belay.artifacts.conftest import filled
from tests.deploy.tools import s3_packages
from tests.places import ROOT

PART = 8 << 20
"""What is larger is sent in parts."""


def told(*lines: list[str]) -> list[tuple[int, str]]:
    """Status and words of each line, one after the other, against a server of their own."""
    beside = {"PYTHONPATH": f"{ROOT}{os.pathsep}{s3_packages()}", "BELAY_ARTIFACTS": "s3://bucket/shop"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.belay.artifacts.on_s3"],
        env=os.environ | beside,
        input=json.dumps(lines),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return [(status, " ".join(words.split())) for status, words in json.loads(done.stdout)]


def test_artefacts_go_through_s3_once_and_whole_and_are_compared(tmp_path: Path) -> None:
    weights = bytes(PART + 1000)
    sha256 = bytes_sha256(weights)
    here, other, third = (["--home", str(tmp_path / name)] for name in ("home", "other", "third"))
    filled(tmp_path / "home", weights=weights)
    cut, keys_cut, pushed, keys, again, keys_again, pulled, put, tampered, nowhere, _, away = told(
        ["cut", "push", "models/mine", *here],
        ["keys"],
        ["push", "models/mine", "audits", *here],
        ["keys"],
        ["push", "models/mine", *here],
        ["keys"],
        ["pull", "models/mine", "audits", *other],
        ["put", f"shop/objects/{sha256[:2]}/{sha256}", "others"],
        ["pull", "models/mine", *third],
        ["list", "--store", "s3://no-such-bucket/shop"],
        ["away"],
        ["list"],
    )
    assert (cut[0], "the disk failed" in cut[1]) == (4, True), cut
    assert sha256 not in keys_cut[1], "neither stored nor begun"
    assert "entries" not in keys_cut[1]
    assert keys_cut[1].count("<Key>") == 3, "the small ones were whole"
    assert (pushed[0], pushed[1].count("files sent")) == (0, 2), pushed
    assert (again[0], "there already, 4 files" in again[1]) == (0, True), again
    when = re.compile(r"<LastModified>[^<]*")
    assert when.findall(keys[1]) == when.findall(keys_again[1])
    assert len(when.findall(keys[1])) == 7  # five contents and two entries
    assert pulled[0] == 0, pulled
    assert attest(tmp_path / "other" / "models" / "mine").name == "mine"
    assert (tmp_path / "other" / "audits" / "mine" / "report.html").is_file()
    assert (put[0], tampered[0], sha256 in tampered[1]) == (200, 2, True), tampered
    assert not (tmp_path / "third" / "models" / "mine").exists()
    assert (nowhere[0], "bucket does not exist" in nowhere[1]) == (4, True), nowhere
    assert (away[0], "s3://bucket/shop" in away[1]) == (4, True), away
