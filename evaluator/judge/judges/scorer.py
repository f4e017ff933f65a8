"""From an interaction to its score: a pure step.

What is missing is decided by the prompt or by the client alone, never by how an arm behaved: an arm that
fails where the judge knows the task scores 0. Else an arm could make its failures disappear.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final, Protocol

from evaluator.verifiers import Judgement, is_refusal
from evaluator.verifiers.judgement import NO_JUDGEMENT
from telemetry.events import Answer, InteractionRecorded, ScoreRecorded, derived_id
from telemetry.prompts import prompt_of

if TYPE_CHECKING:  # it brings sklearn, for which whoever only judges need not wait
    from evaluator.judge.tagging.tagger import Tag

SOURCE: Final = "belay/scorer"
REFUSED: Final = "content_filter"
"""The `finish_reason` with which an engine says that it would not answer."""


class Judging(Protocol):
    """The part of `judge.Judge` that scoring needs."""

    @property
    def version(self) -> str:
        """Changes whenever a judgement may."""
        ...

    def judge(self, capability: str, prompt: str, answer: str) -> Judgement:
        """The quality of one answer, or None with the reason."""
        ...


def score(
    interaction: InteractionRecorded, tag: Tag, judge: Judging, *, at: datetime | None = None
) -> ScoreRecorded:
    """The score of an interaction's assigned arm, and of its shadow.

    `at` is when it was scored; None takes the interaction's own time. `event_id` depends on the interaction
    and the judge's version only, and on whether the judge failed: the score of one that could not be had is no
    repetition of a later one, nor the later one of it. Degenerate cases, in this order:

    - hashed text or no capability: unscored;
    - the assigned arm failed (an error, a status of 400 or more, an answer that base had to give instead) or
      refused (`content_filter`): 0. A request that both refuse is 0 in both, and leaves their difference alone;
    - the client left before the answer's end: unscored, since the half that is there cannot be judged;
    - the judge knows no answer to this prompt, whoever gave it: unscored, also for an arm that failed;
    - the judge could not be had: unscored, with a reason that begins with `NO_JUDGEMENT`.

    An answer that declines in words is marked `refused`; its quality is the judge's, as in the audit.
    """
    prompt = prompt_of(interaction)
    failed = interaction.fallback is not None or _failed(interaction.answer)
    filtered = not failed and interaction.answer.finish_reason == REFUSED
    value, unscored = _value(interaction, tag.capability, judge, prompt, failed or filtered)
    other = None
    if value is not None and tag.capability is not None and interaction.shadow is not None:
        other = _shadow_value(interaction.shadow, tag.capability, judge, prompt)
    return ScoreRecorded(
        event_id=_event_id(interaction, judge, unscored),
        time=at or interaction.time,
        source=SOURCE,
        rollout_id=interaction.rollout_id,
        interaction_id=interaction.event_id,
        interaction_time=interaction.time,
        assignment=interaction.assignment,
        capability=tag.capability,
        tag_confidence=tag.confidence,
        value=value,
        unscored=unscored,
        other_value=other,
        judge=judge.version,
        refused=filtered or (not failed and is_refusal(interaction.answer.text)),
        failed=failed,
        total_ms=interaction.answer.total_ms,
        router=interaction.source,
        draw=interaction.draw,
    )


def _event_id(interaction: InteractionRecorded, judge: Judging, unscored: str | None) -> str:
    parts = ("score", interaction.event_id, judge.version)
    return derived_id(*parts, *(["failed"] if (unscored or "").startswith(NO_JUDGEMENT) else []))


def _value(
    interaction: InteractionRecorded, capability: str | None, judge: Judging, prompt: str, lost: bool
) -> tuple[float | None, str | None]:
    """The assigned arm's score, or the reason why there is none; `lost` where it failed or refused."""
    if interaction.text_policy == "hashed":
        return None, "text is hashed"
    if capability is None:
        return None, "untagged"
    if not lost and _unfinished(interaction):
        return None, "the client left before the answer ended"
    judgement = judge.judge(capability, prompt, "" if lost else interaction.answer.text)
    if judgement.value is None:
        return None, judgement.reason or "the judge cannot tell"
    return (0.0 if lost else judgement.value), None


def _shadow_value(shadow: Answer, capability: str, judge: Judging, prompt: str) -> float | None:
    """The other arm's score; 0 where it failed or refused, whichever arm it is."""
    if _failed(shadow) or shadow.finish_reason == REFUSED:
        return 0.0
    return judge.judge(capability, prompt, shadow.text).value


def _failed(answer: Answer) -> bool:
    return answer.error is not None or answer.status >= 400


def _unfinished(interaction: InteractionRecorded) -> bool:
    """Whether the client left mid-answer. One that left after the engine said why it ended missed nothing."""
    return interaction.client_left and interaction.answer.finish_reason is None
