from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from serving.models.manifest import attest
from tests.places import ROOT
from tests.trainer.tiny_shop import tiny_shop

KILLS = 6
CHAIN = 4


def trained(shop: Path, out: Path, *plans: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "tests.trainer.loop.killed", str(shop), str(out), *plans]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
@pytest.mark.alone
def test_a_training_that_is_killed_at_any_moment_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    """The sweep, the steps, the evaluations, the merge search and every file that is written in between."""
    shop = tiny_shop(tmp_path)
    [whole] = trained(shop, tmp_path / "whole", "-")
    events = int(whole["events"])
    assert events > 40
    wanted = attest(tmp_path / "whole" / "0" / "c")
    chooser = random.Random(11)
    # One kill each, spread over the whole training; then a chain of kills, each of which takes it a little further.
    plans = [[1 + place * events // KILLS + chooser.randrange(events // KILLS)] for place in range(KILLS)]
    plans.append([chooser.randrange(1, events // 3) for _ in range(CHAIN)])
    said = [",".join(map(str, plan)) for plan in plans]
    for row in trained(shop, tmp_path, *said):
        assert (row["signal"], row["status"]) == ((9, 9) if row["killed_at"] is not None else (0, 0))
    for number, plan in enumerate(said):
        output = tmp_path / str(number) / "c"
        found = attest(output)
        assert found.files == wanted.files, f"killed at {plan} of {events} events"
        assert found.training == wanted.training
        assert [path.name for path in output.parent.iterdir() if path.name != ".training"] == ["c"]
        assert {path.suffix for path in (output.parent / ".training").iterdir()} <= {".sqlite"}
