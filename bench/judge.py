"""Judges of answers: what an attack does to them, how they agree with people, and what asking a model costs.

    python bench/judge.py            # the full run, some minutes on one core
    python bench/judge.py --quick    # under a minute
    python bench/judge.py --json     # one JSON object on standard output
    python bench/judge.py --judge-url URL --judge-model NAME [--judge-key-env VARIABLE]

A model that judges is asked where the options name one; else a stub on this machine stands in for it, and the notes
say so: what they say of agreement and of falling for attacks is then said of the stub, not of a model.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from _judge.costs import costs
from _judge.endpoint import judging, options
from _judge.injections import injections
from _judge.models import falls_for, parsing
from _judge.people import people
from _shape import Result, arguments, finish, say


def main() -> None:
    given = arguments(__doc__ or "", more=options)
    result = Result("judge", given.quick, given.seed)
    with judging(given) as judge:
        parts: dict[str, Callable[[], None]] = {
            "injections": lambda: injections(result),
            "parsing": lambda: parsing(result),
            "falls_for": lambda: falls_for(result, judge),
            "people": lambda: people(result, judge),
            "costs": lambda: costs(result),
        }
        for name, part in parts.items():
            begin = time.monotonic()
            part()
            say(f"  ({name}: {time.monotonic() - begin:.0f} s)")
    finish(result, as_json=given.json)


if __name__ == "__main__":
    main()
