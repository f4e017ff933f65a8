"""The stages of an interaction, of what the log holds of it. Pure.

Times are of the clocks of whoever wrote them: the router's up to the answer, the forwarder's for what lies in Kafka,
the worker's for the score.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from router.control.board.tail.rows import outcome_of
from router.control.board.way.finding import At, Trail
from router.control.board.way.told import Fed, StageName, StageState, WayStage
from telemetry import topics
from telemetry.events import Answer, DecisionMade, ScoreRecorded

_ARMS: Final = {"control": "base", "candidate": "the candidate"}
_SOURCES: Final = {
    "session": "its session",
    "end_user": "its end user",
    "user": "its user",
    "api_key": "its API key",
    "request": "the single request, since it named nobody",
}
_BASES: Final = {
    "prompt": "what the prompt itself asks",
    "reference": "a reference",
    "agreement": "likeness to base's answer",
    "learned": "what the audit taught",
    "model": "a model that judges",
    "rule": "a rule that was fixed beforehand",
    "form": "the form of the answer",
    "person": "a person",
}


def stages(trail: Trail, counted_to: int | None, fed: Sequence[Fed]) -> tuple[WayStage, ...]:
    """The stages in order. `counted_to` is the last offset of its scores that the evidence has, as far as is known."""
    came = trail.interaction.time
    return tuple(
        stage.model_copy(update={"after_ms": _since(came, stage.at)})
        for stage in (*_at_the_router(trail), *_in_the_log(trail), *_judged(trail, counted_to, fed))
    )


def _at_the_router(trail: Trail) -> Iterator[WayStage]:
    one = trail.interaction
    who, answer = one.assignment, one.answer
    source = _SOURCES[who.subject_source]
    yield WayStage(
        name="assigned",
        state="done",
        at=one.time,
        what=f"to {_ARMS[who.arm]}, by {source}: {who.share:.0%} of subjects had the candidate then "
        f"(stage {who.stage + 1}, revision {who.revision})",
    )
    if one.fallback is not None:
        yield WayStage(
            name="asked",
            state="failed",
            what=f"the candidate failed ({one.fallback}), so base was asked; times below are since then, and what the "
            "candidate took is not written down",
        )
    else:
        retried = "" if answer.retried is None else f"; another replica of it had failed: {answer.retried}"
        yield WayStage(
            name="asked",
            state="done",
            at=one.time,
            what=f"{_ARMS[answer.served_by]}, by {one.source}{retried}",
        )
    yield _first_byte(trail)
    yield _answered(trail)
    place = one.spooled
    yield _stage(
        "spooled",
        "before the client had its last byte"
        + ("" if place is None else f": segment {place.segment}, byte {place.offset:,} of spool {place.spool[:8]}"),
    )  # fmt: skip


def _first_byte(trail: Trail) -> WayStage:
    answer = trail.interaction.answer
    if answer.first_byte_ms is None:
        return _stage("first byte", "none came", "failed")
    at = None if trail.interaction.fallback is not None else _plus(trail, answer.first_byte_ms)
    whole = "" if trail.interaction.streamed else "; it was no stream, so the client had it with the rest"
    return WayStage(
        name="first byte",
        state="done",
        at=at,
        what=f"{answer.first_byte_ms:,.0f} ms after it was asked{whole}",
    )


def _answered(trail: Trail) -> WayStage:
    one, answer = trail.interaction, trail.interaction.answer
    outcome, why = outcome_of(one)
    told = {
        "client_left": "the client left before the end",
        "cut": "cut: the router stopped",
        "failed": f"failed: {why}",
        "refused": "the engine's filter refused it",
    }.get(outcome, "")
    parts = [
        told,
        f"status {answer.status}",
        f"in {answer.total_ms:,.0f} ms",
        "" if answer.completion_tokens is None else f"{answer.completion_tokens:,} tokens",
        "" if answer.finish_reason is None else f"ended by {answer.finish_reason}",
    ]
    return WayStage(
        name="answered",
        state="failed" if outcome in ("failed", "cut") else "done",
        at=None if one.fallback is not None else _plus(trail, answer.total_ms),
        what=", ".join(part for part in parts if part),
    )


def _in_the_log(trail: Trail) -> Iterator[WayStage]:
    one, draw = trail.interaction, trail.interaction.draw
    yield _written("on Kafka", topics.INTERACTIONS, trail.interaction_at)
    if draw is None or not draw.drawn:
        return
    if trail.shadow is not None:
        yield WayStage(
            name="shadow", state="failed" if trail.shadow.shadow.error else "done", at=trail.shadow.time,
            what=_shadowed(trail.shadow.shadow),
        )  # fmt: skip
    elif one.shadow is not None:
        yield _stage("shadow", _shadowed(one.shadow))
    else:
        yield _stage("shadow", "the other arm was to be asked too, and no answer of it is in the log", "not")


def _shadowed(answer: Answer) -> str:
    failed = "" if answer.error is None else f", which failed: {answer.error}"
    return f"{_ARMS[answer.served_by]} was asked too, in {answer.total_ms:,.0f} ms{failed}"


def _judged(trail: Trail, counted_to: int | None, fed: Sequence[Fed]) -> Iterator[WayStage]:
    score, at = trail.score, trail.score_at
    if score is None or at is None:
        for name in ("tagged", "judged", "counted", "decided"):
            yield _stage(name, "no score of it is in the log" if name == "tagged" else "", "waits")
        return
    yield WayStage(
        name="tagged",
        state="not" if score.capability is None else "done",
        at=score.time,
        what="as none of the brief's capabilities"
        if score.capability is None
        else f"as {score.capability.replace('_', ' ')}, {score.tag_confidence:.0%} sure",
    )
    yield WayStage(
        name="judged",
        state="not" if score.value is None else "done",
        at=score.time,
        what=_said(score, trail.graded),
    )
    state, why = counted(score, trail.earlier)
    known = counted_to is None or at.place.offset <= counted_to
    yield WayStage(
        name="counted",
        state=state if known else "waits",
        at=datetime.fromtimestamp(at.written_ms / 1000, UTC),
        what=f"{why}{'' if known else '; the last report of the evidence does not have it yet'} ({topics.SCORES}, "
        f"offset {at.place.offset:,})",
    )
    yield _decided(fed)


def _said(score: ScoreRecorded, graded: ScoreRecorded | None) -> str:
    by = score.judge or "a judge without a name"
    if score.value is None:
        why = f" ({score.unscored_why})" if score.unscored_why else ""
        said = f"no score from {by}: {(score.unscored or 'no reason was given').replace('_', ' ')}{why}"
    else:
        basis = "" if score.basis is None else f", by {_BASES.get(score.basis, score.basis)}"
        pair = "" if score.other_value is None else f", and the other arm's answer {score.other_value:.2f}"
        said = f"{score.value:.2f} from {by}{basis}{pair}"
    if score.judged_fraction < 1.0:
        said += f"; {score.judged_fraction:.0%} of such interactions are judged"
    if graded is not None and graded.value is not None and graded.other_value is not None:
        said += f"; people graded it {graded.value:.2f}, the other arm's answer {graded.other_value:.2f}"
    return said


def counted(score: ScoreRecorded, earlier: str | None) -> tuple[StageState, str]:
    """What this score is in the evidence, or why it is none (docs/statistics.md, Units). As far as it alone can tell.

    `earlier` is another interaction of its subject that was scored before.
    """
    drawn = score.draw is not None and score.draw.drawn
    if score.unscored == "no_evidence":
        return "not", "its key is for strangers, whose requests are no evidence"
    if score.capability is None:
        return "not", "it has no capability, so it tells of guardrails and of the proportion of arms alone"
    if score.value is None:
        return "not", "it has no score, so it tells of guardrails and of what is missing alone"
    if score.other_value is not None:
        return "done", "as a pair: both arms' answers, unless its subject had its part of the pairs"
    if drawn:
        return "not", "it was drawn to be a pair, and the other arm's answer has no score: a pair or nothing"
    if earlier is not None:
        return "not", (
            "only in its arm's mean: its subject had been scored before, so that its arm was known, unless the share "
            "had grown since"
        )
    if score.assignment.share in (0.0, 1.0):
        return "not", "only in its arm's mean: at that share its arm was certain"
    return "done", "as the first scored interaction of its subject"


def _decided(fed: Sequence[Fed]) -> WayStage:
    if not fed:
        return _stage("decided", "no decision that control knows rests on it yet", "waits")
    words = {"roll_back": "a rollback", "promote": "a promotion", "hold": "a hold"}
    first = fed[0]
    deciding = next((one for one in fed if one.why == "deciding"), None)
    what = f"part of {words[first.action]}"
    if deciding is not None:
        what = f"the score that decided {words[deciding.action]}"
    return WayStage(name="decided", state="done", at=(deciding or first).at, what=what)


def fed_by(score: ScoreRecorded, at: At, decisions: Sequence[DecisionMade]) -> tuple[Fed, ...]:
    """The decisions to name: the first that has it, those that it decided, those in which it weighed most."""
    inside = sorted(
        (
            one
            for one in decisions
            if one.proof.partition == at.place.partition
            and one.proof.first_offset <= at.place.offset <= one.proof.last_offset
        ),
        key=lambda one: one.proof.last_offset,
    )
    found: list[Fed] = []
    for number, one in enumerate(inside):
        deciding = one.proof.deciding_score == score.event_id
        weighed = score.interaction_id in one.proof.heaviest
        if deciding or weighed or number == 0:
            why = "deciding" if deciding else "weighed" if weighed else "first"
            fields = {"decision_id": one.event_id, "action": one.action, "at": one.time, "why": why}
            found.append(Fed.model_validate(fields))
    return tuple(found)


def _written(name: StageName, topic: str, at: At) -> WayStage:
    return WayStage(
        name=name,
        state="done",
        at=datetime.fromtimestamp(at.written_ms / 1000, UTC),
        what=f"{topic}, partition {at.place.partition}, offset {at.place.offset:,}",
    )


def _stage(name: StageName, what: str, state: StageState = "done") -> WayStage:
    return WayStage(name=name, state=state, what=what)


def _plus(trail: Trail, ms: float) -> datetime:
    return datetime.fromtimestamp(trail.interaction.time.timestamp() + ms / 1000, UTC)


def _since(came: datetime, at: datetime | None) -> float | None:
    return None if at is None else round((at - came).total_seconds() * 1000, 1)
