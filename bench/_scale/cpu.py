"""CPU seconds of processes that are not ours to instrument, from /proc (Linux)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

_TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """What a process and all its threads have used, user and system; 0 where it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except OSError:
        return 0.0
    fields = text.rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_S


def all_of(pids: Mapping[str, int]) -> dict[str, float]:
    """The same of several, by their names."""
    return {name: cpu_s(pid) for name, pid in pids.items()}


def load() -> str:
    """The machine's load of the last minute, beside its cores."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
