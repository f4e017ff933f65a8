"""How far behind and how fresh each stage of the pipeline is, from a client's answer to the router's share. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from pydantic import AwareDatetime

from router.control.board.seen import Seen, Worker
from telemetry.events import Value


class StageTold(Value):
    """One stage: when it last did something (`at`), and what waits for it.

    `waiting` is in records, `behind_s` how old its last one was when it was done with, and for what brings interactions
    into Kafka how long after its answer it was there; None where nobody told.
    """

    stage: str
    does: str
    at: AwareDatetime | None
    waiting: int | None
    behind_s: float | None


def stages(seen: Seen, workers: Mapping[str, Worker]) -> tuple[StageTold, ...]:
    """The stages in order of the path."""
    reports = [one.report for one in workers.values()]
    deciding = [one for one in reports if not one.stands_by]
    report, state = seen.report, seen.state
    newest = max(seen.decisions, key=lambda one: one.time, default=None)
    return (
        StageTold(
            stage="router and forwarder",
            does="bring interactions into Kafka",
            at=_last(one.moved for one in workers.values()),
            waiting=None,
            behind_s=max((one.sent_s for one in reports if one.sent_s is not None), default=None),
        ),
        StageTold(
            stage="scorer",
            does="tags and judges them",
            at=_last(one.time for one in reports),
            waiting=_sum(one.scorer_lag for one in reports),
            behind_s=max((one.behind_s for one in reports if one.behind_s is not None), default=None),
        ),
        StageTold(
            stage="decider",
            does="folds their scores into the evidence",
            at=None if report is None else report.last_score,
            waiting=_sum(one.decider_lag for one in deciding),
            behind_s=None,
        ),
        StageTold(
            stage="decisions",
            does="promote, hold or roll back",
            at=None if newest is None else newest.time,
            waiting=None,
            behind_s=None,
        ),
        StageTold(
            stage="control",
            does="writes the rollout file that routers read",
            at=None if state is None else state.time,
            waiting=None,
            behind_s=None,
        ),
    )


def _last(times: Iterable[datetime | None]) -> datetime | None:
    return max((at for at in times if at is not None), default=None)


def _sum(lags: Iterable[int | None]) -> int | None:
    known = [lag for lag in lags if lag is not None]
    return sum(known) if known else None
