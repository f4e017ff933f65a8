"""Traffic gathered: a sample of bounded size out of a stream of any length, redacted, and what could not be used."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from evaluator.map.discovering.exchanges import Exchange
from telemetry.errors import UsageError
from telemetry.privacy import apply

SAMPLE: Final = 20_000
"""Exchanges that are kept; where there are more, each has the same chance to be among them."""
SEED: Final = 20240613
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Heard:
    """One record of a log. Exactly one of `broken` (it cannot be read), `reason` (it has no prompt), exchanges."""

    where: str
    exchanges: tuple[Exchange, ...] = ()
    format: str = ""
    reason: str = ""
    broken: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """A redacted exchange. `touched` says that the redaction changed the prompt."""

    exchange: Exchange
    touched: bool


@dataclass(slots=True)
class Gathered:
    """The sample, and the counts of all that was read: exchanges, records by format, by reason, and broken ones.

    `first_broken` says where the first few of those stand and what is wrong with them.
    """

    asked: list[Asked] = field(default_factory=list)
    exchanges: int = 0
    records: int = 0
    formats: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    broken: int = 0
    first_broken: list[str] = field(default_factory=list)


def gather(
    heard: Iterable[Heard], source: str, hint: str, sample: int = SAMPLE, seed: int = SEED
) -> Gathered:
    """Keep `sample` exchanges at most (reservoir sampling by Vitter's algorithm R, seeded), redacted.

    Raises UsageError, with `hint`, where no record could be used: the first broken ones are named with their places.
    """
    found, kept, draw = Gathered(), list[Exchange](), random.Random(seed)
    for one in heard:
        found.records += 1
        if one.broken:
            found.broken += 1
            if len(found.first_broken) < _SHOWN:
                found.first_broken.append(f"{one.where}: {one.broken}")
            continue
        found.formats[one.format] += 1
        if one.reason:
            found.reasons[one.reason] += 1
        for exchange in one.exchanges:
            found.exchanges += 1
            if len(kept) < sample:
                kept.append(exchange)
            elif (at := draw.randrange(found.exchanges)) < sample:
                kept[at] = exchange
    if not kept:
        raise UsageError(f"{source}: no prompt in {found.records:,} records\n{_why(found)}", hint=hint)
    found.asked = [_redacted(exchange) for exchange in kept]
    return found


def _why(found: Gathered) -> str:
    lines = [f"  {count:,} {reason}" for reason, count in found.reasons.most_common()]
    lines += [f"  {line}" for line in found.first_broken]
    if found.broken > len(found.first_broken):
        lines.append(f"  and {found.broken - len(found.first_broken):,} more that cannot be read")
    return "\n".join(lines) or "  it holds no record"


def _redacted(exchange: Exchange) -> Asked:
    prompt = apply(exchange.prompt, "redacted")
    clean = replace(
        exchange,
        prompt=prompt,
        answer=apply(exchange.answer, "redacted") if exchange.answer else None,
        system=apply(exchange.system, "redacted") if exchange.system else None,
    )
    return Asked(clean, touched=prompt != exchange.prompt)
