"""From what the view holds to what the page is told. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from router.control.board.answering import arms
from router.control.board.judging import agreements, costs
from router.control.board.points import Point, drawn
from router.control.board.seen import Seen, Worker
from router.control.board.stages import stages
from router.control.board.told import (
    Capability,
    DecisionLine,
    Heavy,
    Imbalance,
    Line,
    Overview,
    Path,
    Pipeline,
    Rollout,
    Source,
    StepTold,
    Wait,
)
from router.control.board.verdict import Known, is_rail, leading, part, verdict
from router.control.rollout import (
    Close,
    Pause,
    Promote,
    Resume,
    RollBack,
    RolloutEvent,
    rollback_until,
    transition,
)
from telemetry.errors import TransitionRefused
from telemetry.events import CapabilityEvidence, RolloutChanged, WatchReported

_ACTIONS: Final[dict[str, RolloutEvent]] = {
    "rollback": RollBack("somebody", "asked"),
    "pause": Pause("somebody", "asked"),
    "resume": Resume("somebody", "asked"),
    "promote": Promote("somebody", "asked"),
    "close": Close("somebody", "asked"),
}
_LOOKED_INTO: Final = ("arms out of proportion", "scores missing", "judge drifted")
"""States that no rollback follows from by itself, and that somebody has to understand."""
SPARK: Final = 48


def overview(
    rollouts: Mapping[str, Seen], workers: Mapping[str, Worker], source: Source, at: datetime
) -> Overview:
    """All rollouts: those that may be rolled back first, the newest first."""
    known = [(seen, seen.state) for seen in rollouts.values() if seen.state is not None]
    known.sort(key=lambda pair: (pair[1].live, pair[1].since), reverse=True)
    lines = [line(seen, state, workers, source, at) for seen, state in known]
    return Overview(
        now=at,
        source=source,
        rollouts=tuple(lines),
        waits=tuple(_waits([seen for seen, _ in known], lines, workers)),
        pipeline=pipeline(workers),
    )


def line(
    seen: Seen, state: RolloutChanged, workers: Mapping[str, Worker], source: Source, at: datetime
) -> Line:
    """One rollout in the overview."""
    report, spec = seen.report, state.spec
    first = leading(report) if report is not None else None
    return Line(
        rollout_id=spec.rollout_id,
        route=spec.route,
        model_alias=spec.model_alias,
        base=spec.base.name,
        candidate=spec.candidate.name,
        status=state.status,
        stage=state.stage,
        stages=tuple(stage.share for stage in spec.stages),
        share=state.share,
        revision=state.revision,
        since=state.since,
        until=rollback_until(state) if state.status == "promoted" else None,
        verdict=verdict(_known(seen, state, workers, source, at)),
        leading=first.capability if first is not None and part(first) >= 1.0 else None,
        evidence=drawn(report.e_value) if report is not None else 1.0,
        bar=report.bar if report is not None else 1.0 / spec.alpha,
        settled=report.settled if report is not None else 0,
        reported=report.time if report is not None else None,
        spark=_spark(seen.history.points),
        actions=actions(state, at),
    )


def _spark(points: Sequence[Point]) -> tuple[float, ...]:
    """M at so many points, the last one among them."""
    step = max(1, -(-len(points) // SPARK))
    return tuple(point.combined for point in points[::-1][::step][::-1])


def actions(state: RolloutChanged, at: datetime) -> tuple[str, ...]:
    """What a person may ask for that would change something now: the transition table is asked."""
    return tuple(name for name, event in _ACTIONS.items() if _would_change(state, event, at))


def _would_change(state: RolloutChanged, event: RolloutEvent, at: datetime) -> bool:
    try:
        return transition(state, event, at) is not state
    except TransitionRefused:
        return False


def rollout(
    seen: Seen, workers: Mapping[str, Worker], source: Source, at: datetime, *, whole: bool
) -> Rollout:
    """One rollout, whole or as the stream has it."""
    state, report = seen.state, seen.report
    assert state is not None, "whoever asks has looked"  # noqa: S101 - tells mypy what is so
    spec = state.spec
    points = seen.history.points
    return Rollout(
        now=at,
        line=line(seen, state, workers, source, at),
        advance=spec.advance,
        holdback=spec.holdback,
        shadow=spec.shadow,
        alpha=spec.alpha,
        audit=spec.audit,
        actor=state.actor,
        reason=state.reason,
        capabilities=tuple(_capabilities(seen, state, report)),
        promotion_bar=report.promotion_bar if report is not None else None,
        untagged=report.untagged if report is not None else 0,
        traffic=report.traffic if report is not None else {},
        judges=report.judges if report is not None else (),
        missing=report.missing if report is not None else None,
        anchors=report.anchors if report is not None else (),
        imbalances=tuple(_imbalances(report)),
        last_score=report.last_score if report is not None else None,
        last_offset=report.last_offset if report is not None else None,
        steps=tuple(
            StepTold(**point.step.model_dump(), at=point.at, share=point.share)
            for point in points
            if point.step is not None
        ),
        path=path(points if whole else points[-1:]),
        decisions=tuple(_decisions(seen)),
        heaviest=tuple(_heaviest(report)),
        pipeline=pipeline(workers),
        people=spec.people,
        agreements=agreements(spec.capabilities, report.evidence if report is not None else ()),
        costs=costs(asked for one in workers.values() for asked in one.report.judges),
        arms=arms((each for one in workers.values() for each in one.report.arms), spec.rollout_id),
        pipeline_stages=stages(seen, workers),
    )


def path(points: Iterable[Point]) -> Path:
    """Points by column."""
    kept = list(points)
    names = list(dict.fromkeys(name for point in kept for name in point.evidence))
    prompts = list(dict.fromkeys(name for point in kept for name in point.traffic))
    return Path(
        at=tuple(point.at for point in kept),
        settled=tuple(point.settled for point in kept),
        share=tuple(point.share for point in kept),
        combined=tuple(point.combined for point in kept),
        evidence={name: tuple(point.evidence.get(name) for point in kept) for name in names},
        traffic={name: tuple(point.traffic.get(name) for point in kept) for name in prompts},
    )


def pipeline(workers: Mapping[str, Worker]) -> tuple[Pipeline, ...]:
    """The workers, those that decide first."""
    told = [
        Pipeline(
            worker=one.report.worker,
            heard=one.report.time,
            judge=one.report.judge,
            tagger=one.report.tagger,
            interactions=one.report.interactions,
            scored=one.report.scored,
            unscored=one.report.unscored,
            waiting=one.report.waiting,
            behind_s=one.report.behind_s,
            unknown_share=one.report.unknown_share,
            unknown_grew=one.report.unknown_grew,
            dead=one.report.dead,
            stands_by=one.report.stands_by,
        )
        for one in workers.values()
    ]
    return tuple(sorted(told, key=lambda one: (one.stands_by, -one.heard.timestamp())))


def _known(
    seen: Seen, state: RolloutChanged, workers: Mapping[str, Worker], source: Source, at: datetime
) -> Known:
    return Known(
        state=state,
        report=seen.report,
        held=seen.holds[-1] if seen.holds and _is_of_now(seen, state) else None,
        fell=next((one for one in reversed(seen.others) if one.action == "roll_back"), None),
        moved=max((one.moved for one in workers.values() if one.moved is not None), default=None),
        heard=max((one.report.time for one in workers.values()), default=None),
        without_data=source.why if source.state == "away" else None,
        now=at,
    )


def _is_of_now(seen: Seen, state: RolloutChanged) -> bool:
    """Whether the last hold is about the stage that the rollout is in."""
    last = seen.holds[-1]
    return last.stage == state.stage and not any(one.time > last.time for one in seen.others)


def _waits(seen: Iterable[Seen], lines: Iterable[Line], workers: Mapping[str, Worker]) -> Iterable[Wait]:
    for one, row in zip(seen, lines, strict=True):
        state = one.state
        if state is None or not state.live:
            continue
        if row.status == "promoted":
            yield Wait(
                rollout_id=row.rollout_id,
                what="close it once base is served by the promoted model; until then the holdback and its watch go on",
            )
        elif row.verdict.tone == "bad" or row.verdict.name in _LOOKED_INTO:
            yield Wait(rollout_id=row.rollout_id, what=f"look at it: {row.verdict.name}")
        elif state.spec.advance == "manual" and row.verdict.name in ("watching", "paused"):
            yield Wait(rollout_id=row.rollout_id, what="promotion is by hand: promote it, or roll it back")
    dead = sum(one.report.dead for one in workers.values())
    if dead:
        yield Wait(rollout_id=None, what=f"{dead:,} records could not be read: see belay.dead-letters")
    for worker in workers.values():
        for name, why in worker.report.refused.items():
            yield Wait(rollout_id=name, what=f"no worker can watch it: {why}")


def _capabilities(seen: Seen, state: RolloutChanged, report: WatchReported | None) -> Iterable[Capability]:
    if report is None:
        return
    roles = {one.name: one.role for one in state.spec.capabilities}
    changes = {one.capability: one for one in report.changes}
    blamed = {name for one in seen.others if one.action == "roll_back" for name in one.proof.blamed}
    for one in report.evidence:
        if one.capability.startswith("missing:"):
            continue
        change = changes.get(one.capability)
        yield Capability(
            name=one.capability,
            role=roles.get(one.capability),
            rail=is_rail(one),
            watched=one.watched,
            unwatched=one.unwatched,
            judged_by=one.judged_by if one.people is None else f"{one.judged_by}, {one.people.told()}",
            weight=one.weight,
            threshold=one.threshold,
            tolerated=one.tolerated,
            evidence=drawn(_against(one)),
            proven=_finite(report.promotion.get(one.capability)),
            control=one.control,
            candidate=one.candidate,
            pairs=one.pairs,
            unscored=one.unscored,
            estimate=change.estimate if change is not None else None,
            low=change.low if change is not None else None,
            high=change.high if change is not None else None,
            blamed=one.capability in blamed,
            prompts=report.traffic.get(one.capability),
            mistagged=report.mistagged.get(one.capability),
        )


def _against(one: CapabilityEvidence) -> float:
    return part(one) if one.watched else one.e_value


def _finite(value: float | None) -> float | None:
    return None if value is None else drawn(value)


def _imbalances(report: WatchReported | None) -> Iterable[Imbalance]:
    for one in report.imbalances if report is not None else ():
        yield Imbalance(
            where=one.where,
            units=one.units,
            candidates=one.candidates,
            expected=one.expected,
            e_value=drawn(one.e_value),
        )


def _decisions(seen: Seen) -> Iterable[DecisionLine]:
    for one in seen.decisions:
        yield DecisionLine(
            decision_id=one.event_id,
            at=one.time,
            action=one.action,
            stage=one.stage,
            reason=one.reason,
            blamed=one.proof.blamed,
        )


def _heaviest(report: WatchReported | None) -> Iterable[Heavy]:
    for one in report.heaviest if report is not None else ():
        yield Heavy(
            interaction_id=one.interaction_id,
            capability=one.capability,
            arm=one.arm,
            value=one.value,
            other_value=one.other_value,
            factor=drawn(one.factor),
            readable=one.logged is not None,
        )
