"""What is raised where a judge could not be had: who failed, how often, since when, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from evaluator.verifiers.judgement import Failure
from telemetry.errors import InfrastructureError


@dataclass(frozen=True, slots=True)
class Lost:
    """The judgements of one capability that one judge failed to give: `failed` of the `asked`, from `since` (UTC) on.

    `reason` is the last one; a judge that is `given_up` is asked by nobody any more.
    """

    judge: str
    capability: str
    failed: int
    asked: int
    since: datetime
    reason: str
    given_up: bool


class JudgeFailed(InfrastructureError):
    """Answers could not be judged. That is no result, so nothing is concluded from it; `lost` says what is missing."""

    retriable = True

    def __init__(self, lost: Iterable[Lost]) -> None:
        self.lost = summed(lost)
        super().__init__(
            "; ".join(_told(one) for one in self.lost),
            hint="See that it runs, and that its url, model and key are right. What was answered and judged is kept "
            "(not with --no-cache): the same command asks again for what is missing alone.",
        )

    @property
    def given_up(self) -> bool:
        """Whether going on would be in vain: a judge is not asked any more."""
        return any(one.given_up for one in self.lost)


def lost(capability: str, asked: Sequence[Failure | None]) -> Lost | None:
    """What failed of what a judge was asked for a capability; None where nothing did."""
    failures = [one for one in asked if one is not None]
    if not failures:
        return None
    return Lost(
        judge=failures[0].judge,
        capability=capability,
        failed=len(failures),
        asked=len(asked),
        since=min(one.at for one in failures),
        reason=failures[-1].reason,
        given_up=any(one.given_up for one in failures),
    )


def summed(lost: Iterable[Lost]) -> tuple[Lost, ...]:
    """One loss for each judge and capability, in the order in which they were first met."""
    found: dict[tuple[str, str], Lost] = {}
    for one in lost:
        before = found.get((one.judge, one.capability))
        found[one.judge, one.capability] = one if before is None else _sum(before, one)
    return tuple(found.values())


def _sum(before: Lost, one: Lost) -> Lost:
    return replace(
        one,
        failed=before.failed + one.failed,
        asked=before.asked + one.asked,
        since=min(before.since, one.since),
        given_up=before.given_up or one.given_up,
    )


def _told(one: Lost) -> str:
    return (
        f"{one.judge} failed {one.failed} of {one.asked} judgements of {one.capability!r}, "
        f"since {one.since:%Y-%m-%d %H:%M:%S} UTC; the last reason: {one.reason}"
    )
