"""When a replica is not asked for a while, and how it comes back. Pure: whoever tells of a request brings the time.

A replica whose requests fail in a row is ejected, each time in a row for twice as long, and then comes back with a
share that grows, so that a cold cache, or an engine that is still broken, meets few requests at first. Both arms have
the same rules.
"""

from __future__ import annotations

from math import inf
from typing import Annotated, Final, NamedTuple

from pydantic import Field

from telemetry.settings import Settings

Seconds = Annotated[float, Field(gt=0.0)]
LEAST_SHARE: Final = 0.1
"""What a replica that comes back has at first of the share of one that was never away."""


class ReplicaSettings(Settings):
    """How requests are spread over the replicas of an arm, of those that have several.

    None has more than `bound` times the mean of requests in flight. One is ejected after `failures` in a row, by
    `subjects` different ones at least where it took a connection: nobody ejects it alone. That is for `eject_s`, each
    time in a row twice as long up to `most_eject_s`; it has its full share again `return_s` later. With `check_s` each
    is asked GET `check_path` that often, and is left alone from `failed_checks` in a row on until one succeeds.
    """

    bound: float = Field(default=1.25, ge=1.0)
    failures: int = Field(default=3, ge=1)
    subjects: int = Field(default=2, ge=1)
    eject_s: Seconds = 5.0
    most_eject_s: Seconds = 300.0
    return_s: Seconds = 30.0
    check_s: Seconds | None = None
    check_path: str = Field(default="/health", pattern=r"^/[!-~]*$")
    failed_checks: int = Field(default=2, ge=1)


class Health(NamedTuple):
    """How a replica stands. `failures` are those in a row, `ejections` those since it last worked for a whole return.

    `until` is when it is let back, or was; `failed_checks` are those in a row.
    """

    failures: int = 0
    subjects: frozenset[str] = frozenset()
    ejections: int = 0
    until: float = -inf
    failed_checks: int = 0


WELL: Final = Health()


def weight_of(health: Health, at: float, settings: ReplicaSettings) -> float:
    """What part of a whole replica's share it has at this time: 0 while it is not asked, 1 in the end."""
    if at < health.until or health.failed_checks >= settings.failed_checks:
        return 0.0
    return min(1.0, max(LEAST_SHARE, (at - health.until) / settings.return_s))


def failed(
    health: Health, at: float, subject: str | None, settings: ReplicaSettings, *, last: bool
) -> Health:
    """After a request that failed. The `last` one that can be asked is not ejected.

    `subject` is whose it was, None where it took no connection, which is no subject's doing.
    """
    if at < health.until:  # it was asked before it was ejected
        return health
    failures, subjects = health.failures + 1, health.subjects
    if subject is not None and len(subjects) < settings.subjects:
        subjects |= {subject}
    by_several = subject is None or len(subjects) >= settings.subjects
    if failures < settings.failures or not by_several or last:
        return health._replace(failures=failures, subjects=subjects)
    # The exponent is bounded: 2.0 to the power of a year of ejections is no float.
    span = min(
        settings.eject_s * 2.0 ** min(health.ejections, 30), max(settings.most_eject_s, settings.eject_s)
    )
    return health._replace(failures=0, subjects=frozenset(), ejections=health.ejections + 1, until=at + span)


def answered(health: Health, at: float, settings: ReplicaSettings) -> Health:
    """After a request that was answered; the same object where nothing changes."""
    if health is WELL or at < health.until:
        return health
    if at >= health.until + settings.return_s and not health.failed_checks:
        return WELL
    return health._replace(failures=0, subjects=frozenset()) if health.failures else health


def checked(health: Health, at: float, settings: ReplicaSettings, *, well: bool) -> Health:
    """After a check; one that succeeds after some that kept it from being asked begins its slow return."""
    if not well:
        return health._replace(failed_checks=health.failed_checks + 1)
    if health.failed_checks >= settings.failed_checks:
        return health._replace(failed_checks=0, until=max(health.until, at))
    return health._replace(failed_checks=0) if health.failed_checks else health
