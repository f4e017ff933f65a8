"""Traffic that stands in no file of a brief: a script beside the brief writes it anew, the answers with it.

Any brief may have such a script, `traffic.py`: called with `--count`, `--seed` and `--out` it writes a file of
prompts (`turns.PromptLine`). What it writes is read by the replay client and by nobody else.
"""

from __future__ import annotations

import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from typing import Final

from telemetry.errors import UsageError

SCRIPT: Final = "traffic.py"


class Source(StrEnum):
    """Where the prompts of the demo come from."""

    ITEMS = "items"
    UNSEEN = "unseen"


DEFAULT: Final = Source.UNSEEN
"""What `belay demo` and the end-to-end tests send unless told otherwise."""


def write_unseen(folder: Path, out: Path, count: int, seed: int) -> Path:
    """Have the script in a brief's `folder` write `count` prompts into `out`.

    UsageError where there is none, or it fails.
    """
    script = folder.resolve() / SCRIPT
    if not script.is_file():
        raise UsageError(
            f"nothing writes unseen traffic for this brief: there is no {script}",
            hint="Send the brief's items (`belay demo --traffic items`).",
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    arguments = ["--count", str(count), "--seed", str(seed), "--out", str(out)]
    ended = subprocess.run(
        [sys.executable, str(script), *arguments], capture_output=True, text=True, check=False
    )
    if ended.returncode != 0:
        raise UsageError(f"{script} failed ({ended.returncode}):\n{ended.stderr.strip()[-2000:]}")
    return out
