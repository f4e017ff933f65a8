"""A span as a value, before anybody exports it, and the names of attributes that several kinds of spans share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from telemetry.tracing.context import Context

Attribute = str | bool | int | float | tuple[str, ...]
Attributes = Mapping[str, Attribute]
Kind = Literal["internal", "server", "client", "producer", "consumer"]

SEMANTIC_CONVENTIONS: Final = "1.41.0"
"""Where names of `http.`, `messaging.` and `gen_ai.` come from: the last version that has all of them. Those of
`gen_ai.` moved to a repository of their own then, which has no schema's address yet; the ones used here are the same
there (open-telemetry/semantic-conventions-genai, v0.1.0)."""


@dataclass(frozen=True, slots=True)
class Happened:
    """Something within a span. `at` is in nanoseconds since 1970."""

    name: str
    at: int
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Span:
    """What took place from `start` to `end` (nanoseconds since 1970) as part of `parent`.

    `failed` marks it as an error. `service` and `instance` are whose it is, where that is not whoever tells of it.
    """

    name: str
    kind: Kind
    context: Context
    parent: Context | None
    start: int
    end: int
    attributes: Attributes
    failed: bool = False
    happened: tuple[Happened, ...] = ()
    links: tuple[Context, ...] = ()
    service: str | None = None
    instance: str | None = None


def known(attributes: Mapping[str, Attribute | None]) -> dict[str, Attribute]:
    """Those attributes that there are."""
    return {name: value for name, value in attributes.items() if value is not None}


def ns(moment: datetime) -> int:
    """A moment in nanoseconds since 1970, to the microsecond."""
    return round(moment.timestamp() * 1e6) * 1000
