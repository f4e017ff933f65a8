"""What a log line is about: ids that are in every line which is written while something is done.

    with about(rollout_id="r1", decision_id="d"):
        log.warning("the disk is full")   # has both, in whichever module it is written

`belay.logs` puts them into the lines. A thread or a task that begins has those of whoever began it (tasks), or none
(threads). Ids only: they are what several processes' logs are brought together by.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_FIELDS: Final[ContextVar[Mapping[str, str]]] = ContextVar("log_fields", default={})  # noqa: B039 - it is never changed


@contextmanager
def about(**fields: str | None) -> Iterator[None]:
    """Have these in every line while the block runs, beside those that are there; None is no field."""
    token = _FIELDS.set({**_FIELDS.get(), **known(**fields)})
    try:
        yield
    finally:
        _FIELDS.reset(token)


def note(fields: Mapping[str, str]) -> None:
    """Have these, and no others, in every line from now on: for a task that does one thing and ends."""
    _FIELDS.set(fields)


def known(**fields: str | None) -> dict[str, str]:
    """The fields that are not None, to hand to a single line as its `extra`."""
    return {name: value for name, value in fields.items() if value is not None}


def fields_now() -> Mapping[str, str]:
    """Those of a line that is written now."""
    return _FIELDS.get()
