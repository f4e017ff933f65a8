import sys

from tests.places import ROOT

BENCH = ROOT / "bench"

if str(BENCH) not in sys.path:  # the benchmarks are scripts: they import their helpers from beside them
    sys.path.append(str(BENCH))  # last: bench/router.py is not the package `router`
