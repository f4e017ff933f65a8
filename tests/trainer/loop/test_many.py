from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from serving.models.manifest import attest
from tests.places import ROOT
from tests.trainer.tiny_shop import tiny_shop
from trainer.watching.watch_log import read_rows


def run(*command: str) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.alone
def test_two_processes_train_the_candidate_that_one_trains_but_for_rounding(tmp_path: Path) -> None:
    """Batches are shared out by sequence, and the loss is the mean over all their tokens, wherever they are."""
    shop = tiny_shop(tmp_path)
    run("tests.trainer.loop.many", str(shop), str(tmp_path / "one" / "c"))
    launch = ("torch.distributed.run", "--nproc-per-node", "2", "-m", "tests.trainer.loop.many")
    run(*launch, str(shop), str(tmp_path / "two" / "c"))
    one, two = (attest(tmp_path / name / "c") for name in ("one", "two"))
    assert one.settings == two.settings
    assert one.training["checkpoint"] == two.training["checkpoint"]
    losses = [
        [
            json.loads(line)["loss"]
            for line in (tmp_path / name / "c" / "training.jsonl").read_text().splitlines()
        ]
        for name in ("one", "two")
    ]
    assert losses[0] == pytest.approx(losses[1], rel=0.001)
    norms = [
        [row.gradient_norm for row in read_rows(tmp_path / name / "c" / "watch.parquet")]
        for name in ("one", "two")
    ]
    assert norms[0] == pytest.approx(norms[1], rel=0.01)
    base = load_file(tmp_path / "base" / "model.safetensors")
    merged = [load_file(tmp_path / name / "c" / "model.safetensors") for name in ("one", "two")]
    moved = torch.cat([(merged[0][n].float() - base[n].float()).flatten() for n in base])
    apart = torch.cat([(merged[0][n].float() - merged[1][n].float()).flatten() for n in base])
    assert apart.norm() < 0.01 * moved.norm()
    assert sorted(path.name for path in (tmp_path / "two").iterdir()) == [".training", "c"]
