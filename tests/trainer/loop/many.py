"""Trains in every process that a launcher starts: `torchrun --nproc-per-node 2 -m tests.trainer.loop.many SHOP OUT`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.trainer.tiny_shop import tiny_settings
from trainer.pipeline import run

SETTINGS: dict[str, Any] = {
    "steps": 6,
    "dtype": "float32",  # in bfloat16 a tiny model's rounding decides which checkpoint and merge are best
    "rehearsal": {"share": 0.5, "max_new_tokens": 6},
    "lora": {"rank": 4, "variant": "oplora", "keep": 2},
    "average": {"last": 0.5},
    "watch": {"every": 3},
    "checkpoints": {"every": 3, "items": 8},
    "merge": {"weights": [0.5, 1.0], "items": 8},
}


def main() -> None:
    """Train; say as JSON where the candidate lies."""
    folder = run(tiny_settings(Path(sys.argv[1]), Path(sys.argv[2]), **SETTINGS))
    sys.stdout.write(json.dumps({"folder": str(folder)}) + "\n")


if __name__ == "__main__":
    main()
