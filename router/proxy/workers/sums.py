"""What several workers say, as one router says it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

Status = Mapping[str, Any]

_SAID: Final = frozenset({"revision", "stage", "applied_at_ns"})
"""Numbers that tell what is in force, and count nothing."""
_OF_THE_LIVING: Final = frozenset({"in_flight", "ejected", "dropped", "spool_quota_bytes"})
"""What a worker that has ended has no more of, or what its spool tells of itself to the next one."""
_REVISION: Final = "revision"
_APPLIED: Final = "applied_at_ns"


def summed(living: Sequence[Status], ended: Status | None = None) -> dict[str, Any]:
    """Counts are added up, those of workers that have ended too (`ended`, by `counts_of`).

    What is in force is told by the worker that is last to take it on: a revision is in force where all have it. Keys
    that only some have count as 0 in the others.
    """
    told = sorted(living, key=lambda one: (one.get(_REVISION, 0), -one.get(_APPLIED, 0)))
    every = [*told, ended] if ended else told
    keys = dict.fromkeys(key for one in every for key in one)
    return {key: _together(key, [one[key] for one in every if key in one]) for key in keys}


def counts_of(status: Status) -> dict[str, Any]:
    """What of a worker's status still counts when it has ended."""
    found = {}
    for key, value in status.items():
        if isinstance(value, Mapping):
            found[key] = counts_of(value)
        elif _counts(key, value) and key not in _OF_THE_LIVING:
            found[key] = value
    return found


def _together(key: str, values: Sequence[Any]) -> Any:
    first = values[0]
    if isinstance(first, Mapping):
        return summed(values)
    if _counts(key, first):
        return sum(values)
    return max(values) if key == _APPLIED else first


def _counts(key: str, value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and key not in _SAID
