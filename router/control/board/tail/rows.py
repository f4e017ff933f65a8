"""An interaction as a row of the tail, from its own record, its score, or both. Pure."""

from __future__ import annotations

from typing import Final, Literal, get_args

from pydantic import AwareDatetime

from telemetry.events import (
    CUT_BY_ROUTER,
    REFUSED,
    Arm,
    InteractionRecorded,
    LogPlace,
    Message,
    ScoreRecorded,
    Value,
)

Outcome = Literal["complete", "fallback", "failed", "refused", "client_error", "client_left", "cut"]
OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)
PREVIEW: Final = 140
"""Characters of what was asked last; the rest is on the interaction's own page."""

OF_SCORE: Final = ("capability", "tagged", "value", "other_value", "unscored", "judge", "scored_at")


class Row(Value):
    """One interaction. `outcome` is None, as are times and tokens, where only its score was read.

    `capability` is the tag of its score once it has one (`tagged`), the router's guess before. `preview` is the
    beginning of the last message as its text policy left it. `where` and `scored_at` are the places in the log.
    """

    interaction_id: str
    at: AwareDatetime
    rollout_id: str
    arm: Arm
    outcome: Outcome | None = None
    why: str | None = None
    capability: str | None = None
    tagged: bool = False
    value: float | None = None
    other_value: float | None = None
    unscored: str | None = None
    judge: str | None = None
    first_byte_ms: float | None = None
    total_ms: float | None = None
    tokens: int | None = None
    shadowed: bool = False
    counts: bool = True
    preview: str | None = None
    where: LogPlace | None = None
    scored_at: LogPlace | None = None

    @property
    def scored(self) -> bool:
        """Whether its score has come, with a value or with why there is none."""
        return self.judge is not None


def row_of(interaction: InteractionRecorded, where: LogPlace | None = None) -> Row:
    """The row of an interaction that has no score yet."""
    outcome, why = outcome_of(interaction)
    answer, draw = interaction.answer, interaction.draw
    return Row(
        interaction_id=interaction.event_id,
        at=interaction.time,
        rollout_id=interaction.rollout_id,
        arm=interaction.assignment.arm,
        outcome=outcome,
        why=why,
        capability=draw.capability if draw is not None else None,
        first_byte_ms=answer.first_byte_ms,
        total_ms=answer.total_ms,
        tokens=answer.completion_tokens,
        shadowed=draw is not None and draw.drawn,
        counts=interaction.counts,
        preview=_preview(interaction.messages),
        where=where,
    )


def scored(score: ScoreRecorded, row: Row | None = None, scored_at: LogPlace | None = None) -> Row:
    """The row with its score. Without a row, as much of one as the score tells."""
    known = row or Row(
        interaction_id=score.interaction_id,
        at=score.interaction_time,
        rollout_id=score.rollout_id,
        arm=score.assignment.arm,
        outcome="failed" if score.failed else "refused" if score.refused else None,
        total_ms=score.total_ms,
        shadowed=score.draw is not None and score.draw.drawn,
        counts=score.unscored != "no_evidence",
        where=score.logged,
    )
    return known.model_copy(
        update={
            "capability": score.capability,
            "tagged": True,
            "value": score.value,
            "other_value": score.other_value,
            "unscored": score.unscored,
            "judge": "people" if score.corrects is not None else score.judge,
            "scored_at": scored_at,
        }
    )


def outcome_of(interaction: InteractionRecorded) -> tuple[Outcome, str | None]:
    """What became of a request, as its client met it, and why it was not simply answered."""
    answer = interaction.answer
    if interaction.fallback is not None:
        return "fallback", interaction.fallback
    if interaction.client_left:
        return "client_left", None
    if answer.error is not None:
        return ("cut" if answer.error == CUT_BY_ROUTER else "failed"), answer.error
    if answer.status >= 400:
        return ("failed" if answer.status >= 500 else "client_error"), f"status {answer.status}"
    if answer.finish_reason == REFUSED:
        return "refused", answer.finish_reason
    return "complete", None


def _preview(messages: tuple[Message, ...]) -> str | None:
    if not messages:
        return None
    text = " ".join(messages[-1].content[: 4 * PREVIEW].split())
    return text if len(text) <= PREVIEW else f"{text[: PREVIEW - 1]}\N{HORIZONTAL ELLIPSIS}"
