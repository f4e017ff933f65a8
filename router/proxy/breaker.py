"""A circuit breaker: an arm that fails again and again is not asked for a while, and let back by single probes.

`TABLE` says which event is possible in which status, what handles it and where it may lead. Pure: events bring the time
along.

What the evidence makes of it: a request that a breaker kept from the candidate was assigned to it, and base answered
instead, as for every other failure (`fallback: breaker`). It counts as failed, so a candidate that does not work is
found as it would be if it were asked each time; it only costs its users less. While a breaker is open the arm may have
recovered: that adds to an outage at most its own length, `open_s`, and what the probes take to answer (each the whole
of a stream), since no opening is longer than all before it together and the first. Failures of what is no evidence
(strangers ask it) are none here: nobody who decides nothing may have the candidate counted as failed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import Field

from telemetry.settings import Settings

Status = Literal["closed", "open", "half_open"]
Kind = Literal["ask", "answered", "failed", "given_up"]
Seconds = Annotated[float, Field(gt=0.0)]


class BreakerSettings(Settings):
    """When an arm is not asked for a while.

    It opens after `failures` in a row that came from `subjects` different ones at least: nobody opens it alone. It
    stays open for `open_s`, each time in a row twice as long up to `most_open_s`; `probes` single requests that are
    answered one after the other close it. With `base` base has one too, and what it keeps from base is a 503.
    """

    failures: int = Field(default=5, ge=1)
    subjects: int = Field(default=2, ge=1)
    open_s: Seconds = 1.0
    most_open_s: Seconds = 30.0
    probes: int = Field(default=3, ge=1)
    base: bool = False


class Breaker(NamedTuple):
    """Where one stands. `failures` and `probes` are those in a row, `until` is when it may be probed first.

    `open_s` is how long it was opened last; it is forgotten when it closes.
    """

    status: Status = "closed"
    failures: int = 0
    subjects: frozenset[str] = frozenset()
    open_s: float = 0.0
    until: float = 0.0
    probing: bool = False
    probes: int = 0


CLOSED: Final = Breaker()


class Event(NamedTuple):
    """What happened at the time `at`, in seconds of any clock that does not go back.

    `ask`: somebody would ask the arm. `answered`, `failed`: it did. `given_up`: its client left, and nobody knows
    whether it would have. `probe` is what `admits` said when the arm was asked.
    """

    kind: Kind
    at: float
    subject: str = ""
    probe: bool = False


Handler = Callable[[Breaker, Event, BreakerSettings], Breaker]


class Row(NamedTuple):
    """What handles an event, and the statuses that it may lead to."""

    handler: Handler
    leads_to: tuple[Status, ...]


def transition(breaker: Breaker, event: Event, settings: BreakerSettings) -> Breaker:
    """The breaker after `event`; the same object where nothing changes."""
    return TABLE[breaker.status][event.kind].handler(breaker, event, settings)


def admits(before: Breaker, after: Breaker) -> bool:
    """Whether the arm is asked, by the breaker before an `ask` and after it; it is a probe where `after.probing`."""
    return after.status == "closed" or (after.probing and not before.probing)


def speaks_against(reason: str) -> bool:
    """Whether a failure for this reason says that the arm does not work.

    A 4xx does not: what one client may not have is no reason to keep all others away.
    """
    return reason in _BROKEN or reason.startswith("status_5")


_BROKEN: Final = frozenset({"refused", "timeout", "died", "garbled", "empty", "not_json", "wrong_model"})


# --- the handlers ------------------------------------------------------------------------------------


def _stays(breaker: Breaker, _event: Event, _settings: BreakerSettings) -> Breaker:
    return breaker


def _counts(breaker: Breaker, event: Event, settings: BreakerSettings) -> Breaker:
    failures, subjects = breaker.failures + 1, breaker.subjects
    if len(subjects) < settings.subjects:
        subjects |= {event.subject}
    if failures >= settings.failures and len(subjects) >= settings.subjects:
        return _opened(event.at, settings.open_s)
    return breaker._replace(failures=failures, subjects=subjects)


def _forgets(breaker: Breaker, _event: Event, _settings: BreakerSettings) -> Breaker:
    return CLOSED if breaker.failures else breaker


def _waits(breaker: Breaker, event: Event, _settings: BreakerSettings) -> Breaker:
    return breaker._replace(status="half_open", probing=True) if event.at >= breaker.until else breaker


def _probes(breaker: Breaker, _event: Event, _settings: BreakerSettings) -> Breaker:
    return breaker if breaker.probing else breaker._replace(probing=True)


def _comes_back(breaker: Breaker, event: Event, settings: BreakerSettings) -> Breaker:
    if not event.probe:  # asked before it opened: what is known of it is older than the last probe
        return breaker
    probes = breaker.probes + 1
    return CLOSED if probes >= settings.probes else breaker._replace(probes=probes, probing=False)


def _opens_again(breaker: Breaker, event: Event, settings: BreakerSettings) -> Breaker:
    if not event.probe:
        return breaker
    return _opened(event.at, min(2.0 * breaker.open_s, max(settings.most_open_s, settings.open_s)))


def _probe_is_free(breaker: Breaker, event: Event, _settings: BreakerSettings) -> Breaker:
    return breaker._replace(probing=False) if event.probe else breaker


def _opened(at: float, seconds: float) -> Breaker:
    return Breaker("open", open_s=seconds, until=at + seconds)


TABLE: Final[dict[Status, dict[Kind, Row]]] = {
    "closed": {
        "ask": Row(_stays, ("closed",)),
        "answered": Row(_forgets, ("closed",)),
        "failed": Row(_counts, ("closed", "open")),
        "given_up": Row(_stays, ("closed",)),
    },
    "open": {  # answers and failures are of requests from before it opened
        "ask": Row(_waits, ("open", "half_open")),
        "answered": Row(_stays, ("open",)),
        "failed": Row(_stays, ("open",)),
        "given_up": Row(_stays, ("open",)),
    },
    "half_open": {
        "ask": Row(_probes, ("half_open",)),
        "answered": Row(_comes_back, ("half_open", "closed")),
        "failed": Row(_opens_again, ("half_open", "open")),
        "given_up": Row(_probe_is_free, ("half_open",)),
    },
}
