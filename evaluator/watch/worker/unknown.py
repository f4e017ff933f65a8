"""The alarm for traffic that no capability covers: has its share grown since the worker began?

The first `SETTLING` tags say what is usual. From then on each tag is a bet against "the share of unknown is at most
what was usual, and `TOLERATED` more": a likelihood ratio of Bernoulli trials, p1 against p0, that begins anew whenever
it falls below 1 (Page's CUSUM, as an e-detector: Shin, Ramdas and Rinaldo, "E-detectors", NEJSDS 2024). Where the
share stays at or below p0, an alarm comes on average after `BAR` interactions or later; p1 = p0 + `GROWN`.
It says that the brief no longer covers what users do. It decides nothing, and it knows of no arm.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log
from typing import Final

from telemetry.events import Value

SETTLING: Final = 500
TOLERATED: Final = 0.02
GROWN: Final = 0.10
BAR: Final = 10_000.0
_MOST: Final = 0.98


class UnknownStatus(Value):
    """What there is to say of unknown traffic. `usual` is None until `SETTLING` tags have come.

    `recent` is the share since it is thought to have grown; `e_value` at or over `bar` is the alarm.
    """

    tagged: int = 0
    unknown: int = 0
    usual: float | None = None
    recent: float | None = None
    e_value: float = 1.0
    bar: float = BAR
    alarm: bool = False


@dataclass(slots=True)
class UnknownShare:
    """Counts tags, and bets. Used by one thread."""

    tagged: int = 0
    unknown: int = 0
    usual: float | None = None
    _log_e: float = 0.0
    _since: int = 0
    _since_unknown: int = 0

    def see(self, unknown: bool) -> None:
        """Take note of a tag, in the order of the interactions."""
        self.tagged += 1
        self.unknown += unknown
        if self.usual is None:
            if self.tagged == SETTLING:
                # As if two more had come, one of them unknown: nobody's usual share is 0.
                self.usual = (self.unknown + 1) / (self.tagged + 2)
            return
        p0 = min(self.usual + TOLERATED, _MOST - GROWN)
        p1 = p0 + GROWN
        self._log_e += log(p1 / p0) if unknown else log((1.0 - p1) / (1.0 - p0))
        self._since, self._since_unknown = self._since + 1, self._since_unknown + unknown
        if self._log_e <= 0.0:
            self._log_e, self._since, self._since_unknown = 0.0, 0, 0

    @property
    def status(self) -> UnknownStatus:
        """How it stands. `recent` is the share since the bet began, None where it has just begun."""
        return UnknownStatus(
            tagged=self.tagged,
            unknown=self.unknown,
            usual=self.usual,
            recent=self._since_unknown / self._since if self._since else None,
            e_value=exp(min(self._log_e, 600.0)),
            alarm=self._log_e >= log(BAR),
        )
