"""How long a decision, and a score, take to several router processes: the drill that measures it, run for its figures.

Real processes and the broker that the drills find: Apache Kafka where there is one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from _shape import Figure, Result, say

ROOT: Final = Path(__file__).resolve().parents[2]
BARS: Final = {"decision_to_router_p99_ms": 100.0, "score_to_router_p99_ms": 1_000.0}
_TIMEOUT_S: Final = 900


def latencies(result: Result, routers: int) -> None:
    """Add both figures, or say why there are none."""
    say(f"latencies to {routers} routers")
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "results.jsonl"
        asked = ["--only", "latencies", "--routers", str(routers), "--results", str(file)]
        done = subprocess.run(
            [sys.executable, "-m", "tests.drills", *asked],
            cwd=ROOT, check=False, capture_output=True, text=True, timeout=_TIMEOUT_S,
        )  # fmt: skip
        told = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    figures = told.get("figures", {})
    notes = [*told.get("notes", ()), f"load {before:.1f} before", *told.get("wrong", ())]
    for name, bar in BARS.items():
        if name in figures:
            others = tuple(other.removesuffix("_p99_ms") for other in BARS if other != name)
            note = "; ".join(one for one in notes if not one.startswith(others))
            result.add(Figure(name, figures[name], "ms", None, None, bar, "lower", note))
        else:
            result.miss(name, "; ".join(told.get("wrong", ())) or done.stderr.strip()[-300:])
