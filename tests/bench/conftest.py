import sys
from pathlib import Path

BENCH = Path(__file__).parent.parent.parent / "bench"

if str(BENCH) not in sys.path:  # the benchmarks are scripts: they import their helpers from beside them
    sys.path.insert(0, str(BENCH))
