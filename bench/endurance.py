"""A watch that lives for years: what a score costs after ten million, what is kept, how long a restart takes.

    python bench/endurance.py            # ten million scores of thirty simulated days, 200 rollouts: some 20 minutes
    python bench/endurance.py --quick    # 400,000 scores: under three minutes
    python bench/endurance.py --json     # one JSON object on standard output

    python bench/endurance.py --stage latency --routers 4    # from a decision, and a score, to four router processes

`--quick` leaves the latencies out: they are a minute of real processes on a machine that does nothing else.
Scores are bytes as the scorer writes them, made as they are read. What crashes cost is the drills' (`make drills`).
"""

from __future__ import annotations

import argparse

from _endurance.latency import latencies
from _endurance.log import Months
from _endurance.months import months
from _shape import Result, arguments, finish

SCORES = 10_000_000
QUICK = 400_000


def main() -> None:
    given = arguments(__doc__ or "", more=_more)
    result = Result("endurance", given.quick, given.seed)
    stages = given.stage or (["months"] if given.quick else ["months", "latency"])
    if "months" in stages:
        months(result, Months(QUICK if given.quick else SCORES, rollouts=200, live=20, seed=given.seed))
    if "latency" in stages:
        latencies(result, given.routers)
    finish(result, as_json=given.json)


def _more(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--stage", action="append", choices=("months", "latency"), help="only this; again for more"
    )
    parser.add_argument("--routers", type=int, default=4, help="router processes of the latencies (4)")


if __name__ == "__main__":
    main()
