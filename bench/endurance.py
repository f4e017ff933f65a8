"""A watch that lives for years: what a score costs after ten million, what is kept, how long a restart takes.

    python bench/endurance.py            # ten million scores of thirty simulated days, 200 rollouts: some 20 minutes
    python bench/endurance.py --quick    # 400,000 scores: under three minutes
    python bench/endurance.py --json     # one JSON object on standard output

Scores are bytes as the scorer writes them, made as they are read. What crashes cost is the drills' (`make drills`).
"""

from __future__ import annotations

from _endurance.log import Months
from _endurance.months import months
from _shape import Result, arguments, finish

SCORES = 10_000_000
QUICK = 400_000


def main() -> None:
    given = arguments(__doc__ or "")
    result = Result("endurance", given.quick, given.seed)
    months(result, Months(QUICK if given.quick else SCORES, rollouts=200, live=20, seed=given.seed))
    finish(result, as_json=given.json)


if __name__ == "__main__":
    main()
