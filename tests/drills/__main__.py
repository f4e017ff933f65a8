"""All drills, with a table at the end: `python -m tests.drills [--long] [--only WORD] [--keep FOLDER]`.

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

from tests.drills.brokers import Broker, a_broker, kind_of_broker
from tests.drills.catalogue import drills, long_drills
from tests.drills.scenario import Outcome, Scenario, carry_out, tell


def main() -> int:
    """Run what the arguments name."""
    options = _options()
    # So that every part and the broker are ended, whoever ends us.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console(stderr=True, highlight=False, width=165)
    chosen = [one for one in (long_drills() if options.long else drills()) if options.only in one.name]
    if not kind_of_broker():
        console.print("skipped: there is neither an Apache Kafka nor an embedded broker here")
        return 0
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="belay-drills-") as made:
        folder = options.keep or Path(made)
        with a_broker(folder / "kafka") as broker:
            console.print(f"on {broker.what}")
            for number, scenario in enumerate(chosen):
                console.print(f"   {scenario.name} ...", end=" ")
                outcomes.append(_outcome(scenario, broker, folder / f"run-{number}"))
                one = outcomes[-1]
                console.print(
                    f"{one.skipped or ('does NOT hold' if one.wrong else 'holds')}, {one.seconds:.0f} s"
                )
    tell(outcomes, Console(highlight=False, width=165))
    return int(any(one.wrong for one in outcomes))


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
    parser.add_argument("--only", default="", metavar="WORD", help="those whose names have this word in them")
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="where all files stay; it must not be there yet"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
