"""All drills, with a table at the end: `python -m tests.drills [--long] [--only WORD] [--keep FOLDER]`.

With `--results FILE` each outcome is written there as soon as it is known, those that held there are not run again,
and the table is of all of them: the long drills may be run piece by piece.

Ends with 0 where everything held, and with 1 where something did not.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import traceback
from pathlib import Path

from rich.console import Console

from tests.drills import results
from tests.drills.brokers import Broker, a_broker, kind_of_broker
from tests.drills.catalogue import KILLS, ROUTERS, SERIES, drills, long_drills
from tests.drills.scenario import Outcome, Scenario, carry_out, tell


def main() -> int:
    """Run what the arguments name."""
    options = _options()
    # So that every part and the broker are ended, whoever ends us.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console(stderr=True, highlight=False, width=165)
    outcomes = results.read(options.results) if options.results else []
    done = results.held(outcomes)
    named = _named(options)
    chosen = [one for one in named if options.only in one.name and one.name not in done]
    if not kind_of_broker():
        console.print("skipped: there is neither an Apache Kafka nor an embedded broker here")
        return 0
    with tempfile.TemporaryDirectory(prefix="belay-drills-") as made:
        folder = options.keep or Path(made)
        with a_broker(folder / "kafka") as broker:
            console.print(f"on {broker.what}")
            for number, scenario in enumerate(chosen):
                console.print(f"   {scenario.name} ...", end=" ")
                outcomes.append(_outcome(scenario, broker, folder / f"run-{number}"))
                one = outcomes[-1]
                if options.results:
                    results.add(options.results, one)
                console.print(
                    f"{one.skipped or ('does NOT hold' if one.wrong else 'holds')}, {one.seconds:.0f} s"
                )
    outcomes = results.latest(outcomes)
    tell(outcomes, Console(highlight=False, width=165))
    return int(any(one.wrong for one in outcomes))


def _named(options: argparse.Namespace) -> list[Scenario]:
    if options.long:
        return long_drills(options.kills, options.series, options.routers)
    return drills(options.routers)


def _outcome(scenario: Scenario, broker: Broker, folder: Path) -> Outcome:
    try:
        return carry_out(scenario, broker, folder)
    except Exception as error:  # noqa: BLE001 - the others are still to be run, and this one did not hold
        traceback.print_exc()
        return Outcome(scenario.name, 0, 0.0, None, (f"{type(error).__name__}: {error}",))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--long", action="store_true", help="hours rather than minutes: 1,000 kills")
    parser.add_argument(
        "--kills", type=int, default=KILLS, metavar="N", help=f"how many the long drills kill ({KILLS:,})"
    )
    parser.add_argument(
        "--series", type=int, default=SERIES, metavar="N", help=f"in how many series, each counted ({SERIES})"
    )
    parser.add_argument(
        "--routers", type=int, default=ROUTERS, metavar="N", help=f"of the latencies ({ROUTERS})"
    )
    parser.add_argument("--only", default="", metavar="WORD", help="those whose names have this word in them")
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="where all files stay; it must not be there yet"
    )
    parser.add_argument(
        "--results",
        type=Path,
        metavar="FILE",
        help="where outcomes are added; what held in it is not run again",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
