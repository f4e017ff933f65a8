"""`belay status`: the whole pipeline at one moment, from traffic to decision, with what waits for what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final
from urllib.parse import quote

from rich.table import Table

from belay.launcher.routes_shown import Step, away_in, other_routes
from belay.launcher.seen import Seen
from evaluator.watch.worker.status import RolloutStatus, WorkerStatus
from telemetry.events import RolloutChanged

SILENT_S: Final = 10.0
"""A worker that has written nothing for so long is not alive: it writes twice a second."""


def steps(seen: Seen) -> list[Step]:
    """The pipeline in the order in which an interaction passes through it. Pure."""
    return [
        _traffic(seen), _answering(seen), _forwarding(seen), *_tagging(seen), _judging(seen), *_deciding(seen),
        *_of_others(seen),
    ]  # fmt: skip


def status_table(found: list[Step]) -> Table:
    """The pipeline for people."""
    table = Table("", "", "waits for", box=None, padding=(0, 2, 0, 0))
    for step in found:
        table.add_row(
            f"[bold]{step.name}[/]", step.told, f"[yellow]{step.waits_for}[/]" if step.waits_for else "-"
        )
    return table


def _traffic(seen: Seen) -> Step:
    if not seen.router:
        return Step("traffic", "the router does not answer", "`belay up router`")
    asked = seen.router["requests"]
    under_way = max(0, seen.router["in_flight"] - 1)  # one is the question itself
    told = f"{asked['control'] + asked['candidate']:,} requests, {under_way} under way"
    return Step("traffic", told, "" if sum(asked.values()) else "clients")


def _answering(seen: Seen) -> Step:
    waits = _away(seen.engines)
    if not seen.router:
        return Step("answers", "unknown", waits)
    waits = waits or away_in(seen.router)
    asked = seen.router["requests"]
    told = f"base {asked['control']:,}, candidate {asked['candidate']:,}, of those {seen.router['fallbacks']} by base"
    return Step("answers", f"{told}; shadows {seen.router['shadows']:,}", waits)


def _away(engines: Mapping[str, bool]) -> str:
    away = [name for name, there in engines.items() if not there]
    return f"the engine of {' and '.join(away)}" if away else ""


def _of_others(seen: Seen) -> Iterator[Step]:
    """Every other route: how it answers, its worker where that is its own, what its evidence says."""
    told = {step.name: step for step in other_routes(seen.router)}
    for other in seen.others:
        name, state = f"route {other.name}", other.rollout
        step = told.pop(name, Step(name, "the router does not tell of it", "`belay up router`"))
        yield Step(name, step.told, _away(other.engines) or step.waits_for)
        if other.has_worker:
            judged = _judged(
                other.worker, other.worker_age_s, f"`belay up worker.{quote(other.name, safe='')}`"
            )
            yield Step(f"judged {other.name}", judged.told, judged.waits_for)
        mine = seen.decides(state.spec.rollout_id) if state is not None else None
        if state is not None and mine is not None:
            found = _evidence(mine, state)
            yield Step(f"decision {other.name}", found.told, found.waits_for)
    yield from told.values()


def _forwarding(seen: Seen) -> Step:
    said = seen.forwarder
    if not said:
        return Step("to Kafka", "the forwarder has not begun", "`belay up forwarder`")
    waiting = int(said.get("waiting", 0))
    told = f"{said.get('forwarded', 0):,} forwarded, {waiting:,} in the spool"
    if said.get("dropped"):
        told += f", {said['dropped']:,} lost to the quota"
    if said.get("lost"):
        told += f", {said['lost']:,} lost from the spool: the forwarder's log says which"
    away, full = said.get("broker_error") or "", said.get("spool_error") or ""
    return Step("to Kafka", told, f"the broker: {away}" if away else full)


def _tagging(seen: Seen) -> list[Step]:
    """How much of the traffic no capability covers; nothing before the first tag."""
    if seen.worker is None or not seen.worker.unknown.tagged:
        return []
    said = seen.worker.unknown
    told = f"{said.unknown / said.tagged:.0%} of {said.tagged:,} interactions belong to no capability"
    if not said.alarm or said.recent is None or said.usual is None:
        return [Step("tagged", told)]
    told += f"; of late {said.recent:.0%}, where {said.usual:.0%} was usual"
    return [Step("tagged", told, "a wider brief: `belay map suggest`")]


def _judging(seen: Seen) -> Step:
    return _judged(seen.worker, seen.worker_age_s, "`belay up worker`")


def _judged(worker: WorkerStatus | None, age_s: float, to_start: str) -> Step:
    if worker is None:
        return Step("judged", "the worker has not begun", to_start)
    told = f"{worker.scored:,} of {worker.interactions:,} interactions scored"
    failed = sum(worker.unscored.values())
    if failed:
        why, most = max(worker.unscored.items(), key=lambda pair: pair[1])
        told += f", {failed:,} unscored (mostly {most:,}: {why[:60]})"
    if age_s > SILENT_S:
        return Step("judged", told, f"the worker, silent for {timedelta(seconds=int(age_s))}")
    if worker.dead:
        told += f", {worker.dead:,} dead letters"
    behind = worker.interactions - worker.scored - failed
    return Step("judged", told, f"{behind:,} interactions to be judged" if behind > 0 else "")


def _deciding(seen: Seen) -> list[Step]:
    state = seen.rollout
    control = "" if seen.control else "`belay up control`"
    if state is None:
        return [Step("rollout", "none", control or "`belay rollout start`")]
    on_its_way = state.status in ("shadow", "ramping")
    stage = f"stage {state.stage + 1} of {len(state.spec.stages)}" if on_its_way else state.reason
    found = [
        Step("rollout", f"{state.spec.rollout_id} {state.status} at {state.share:.0%}: {stage}", control)
    ]
    mine = seen.decides(state.spec.rollout_id)
    if mine is not None:
        found.append(_evidence(mine, state))
    elif seen.worker is not None:
        found += _nobody_decides(seen.worker, state.spec.rollout_id)
    return found


def _nobody_decides(worker: WorkerStatus, rollout: str) -> list[Step]:
    """Why this worker settles nothing of the rollout, where it knows."""
    if rollout in worker.refused:
        return [Step("decision", f"not watched: {worker.refused[rollout]}", "another rollout")]
    if worker.stands_by:
        return [Step("decision", "another worker decides, this one scores and stands by")]
    return []


def _evidence(mine: RolloutStatus, state: RolloutChanged) -> Step:
    told = f"{mine.settled:,} scores weighed; roll back at e-value {mine.bar:g}, now {mine.combined:.3g}"
    if mine.last_decision is not None:
        told += f"; last: {mine.last_decision.action}, {mine.last_decision.reason}"
    if mine.stopped is not None:
        return Step("decision", f"{told}; the watch stopped: {mine.stopped}", "a person: roll back")
    if state.status == "paused":
        return Step("decision", told, "a person: `belay rollout resume`, or roll back")
    if state.status not in ("shadow", "ramping"):
        return Step("decision", told)
    if drifted := [one.told() for one in mine.anchors if one.drifted]:
        return Step("decision", f"{told}; {'; '.join(drifted)}", "a person: roll back, and audit again")
    least = state.spec.stages[state.stage].min_units
    if mine.settled < least:
        return Step("decision", told, f"{least - mine.settled:,} more interactions in this stage, at least")
    return Step("decision", told, "a person" if state.spec.advance == "manual" else "")
