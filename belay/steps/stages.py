"""Stages as people type them: `5%:2000,25%:4000,50%`."""

from __future__ import annotations

import re
from itertools import pairwise

from telemetry.errors import UsageError

STAGES = "5%:2000,25%:4000,50%"


def parse_stages(text: str) -> tuple[tuple[float, int], ...]:
    """(share, units until the next stage) of each; a first one of 0% is in shadow. Raises UsageError."""
    found = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d+(?:\.\d+)?)%(?::(\d+))?", part.strip())
        if match is None or float(match[1]) > 100.0:
            raise UsageError(
                f"--stages has {part.strip()!r}, expected a share and interactions such as 5%:2000"
            )
        found.append((float(match[1]) / 100.0, int(match[2] or 0)))
    if any(a >= b for (a, _), (b, _) in pairwise(found)):
        raise UsageError(f"--stages is {text!r}: shares of stages must grow")
    if found[-1][0] == 0.0:
        raise UsageError(f"--stages is {text!r}: after a stage in shadow comes one with a share")
    return tuple(found)
