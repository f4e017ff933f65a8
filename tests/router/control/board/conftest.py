"""The rollouts that the page is looked at with are those of bench/control.py."""

from __future__ import annotations

import sys

from tests.places import ROOT

BENCH = ROOT / "bench"

if str(BENCH) not in sys.path:  # the benchmarks are scripts: they import their helpers from beside them
    sys.path.insert(0, str(BENCH))
