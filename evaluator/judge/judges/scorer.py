"""From an interaction to its score: a pure step.

What is missing is decided by the prompt or by the client alone, never by how an arm behaved: an arm that
fails where the judge knows the task scores 0. Else an arm could make its failures disappear.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, Protocol

from evaluator.judge.judges.case import Case, earlier_turns
from evaluator.judge.judges.means import Means
from evaluator.verifiers import Judgement, is_refusal
from evaluator.verifiers.judgement import Failure, unscored
from evaluator.verifiers.judgement import failed as no_judgement
from telemetry.events import (
    CUT_BY_ROUTER,
    REFUSED,
    Answer,
    InteractionRecorded,
    LogPlace,
    ScoreRecorded,
    derived_id,
)
from telemetry.prompts import prompt_of

if TYPE_CHECKING:  # it brings sklearn, for which whoever only judges need not wait
    from evaluator.judge.tagging.tagger import Tag

SOURCE: Final = "belay/scorer"
NOTHING: Final = Judgement(0.0, "it failed, or would not answer", basis="rule")
"""The judgement of an arm that failed, whichever it is."""
SHOWN: Final = 200
"""Characters kept of why a judge could not be had."""


class Judging(Protocol):
    """The part of `judge.Judge` that baselines, audits and training need."""

    @property
    def version(self) -> str:
        """Changes whenever a judgement may."""
        ...

    def judge(self, capability: str, prompt: str, answer: str) -> Judgement:
        """The quality of one answer, or None with the reason."""
        ...


class LiveJudging(Protocol):
    """The part of `judge.Judge` that scoring traffic needs."""

    @property
    def version(self) -> str:
        """Changes whenever a judgement may."""
        ...

    def means(self, capability: str, prompt: str, *, paired: bool, interaction: str) -> Means:
        """Who judges the answers to a prompt; looks at no answer."""
        ...

    def judge_case(self, case: Case, means: Means) -> Judgement:
        """The quality of one answer by these means, or None with the reason."""
        ...

    def judge_pair(self, control: Case, candidate: Case, means: Means) -> tuple[Judgement, Judgement]:
        """As `judge_case`, of both arms' answers to one prompt, which a judge may compare."""
        ...


@dataclass(frozen=True, slots=True)
class Task:
    """An interaction, what it is about, and who is to judge it; `prompt` is what the user asked last.

    `logged` is where the log holds the interaction, or what made a pair of it.
    """

    interaction: InteractionRecorded
    tag: Tag
    prompt: str
    means: Means
    logged: LogPlace | None = None


def task_of(
    interaction: InteractionRecorded, tag: Tag, judge: LiveJudging, logged: LogPlace | None = None
) -> Task:
    """Choose who judges an interaction: by its prompt and by who was asked, before any answer is looked at."""
    prompt = prompt_of(interaction)
    if not interaction.counts:
        means = Means(None, "no_evidence")
    elif interaction.text_policy == "hashed":
        means = Means(None, "hashed_text")
    elif tag.capability is None:
        means = Means(None, "untagged")
    else:
        means = judge.means(
            tag.capability, prompt, paired=interaction.shadow is not None, interaction=interaction.event_id
        )
    return Task(interaction, tag, prompt, means, logged)


def score(task: Task, judge: LiveJudging, *, at: datetime | None = None) -> ScoreRecorded:
    """The score of an interaction's assigned arm, and of its shadow.

    `at` is when it was scored; None takes the interaction's own time. `event_id` depends on the interaction
    and the judge's version only, and on whether the judge failed: the score of one that could not be had is no
    repetition of a later one, nor the later one of it. Degenerate cases, in this order:

    - a key that is no evidence, hashed text, no capability, or nobody to judge such a prompt: unscored;
    - the router was stopped and cut the answer: unscored, as a failure of nobody's. A slow arm is cut more often, so
      this may depend on the arm, and is under test with all else that is missing (`evidence.missing`);
    - base failed where the judge needs its answer: unscored, whichever arm was assigned;
    - the assigned arm failed (an error, a status of 400 or more, an answer that base had to give instead) or
      refused (`content_filter`): 0. A request that both refuse is 0 in both, and leaves their difference alone;
    - the client left before the answer's end: unscored, since the half that is there cannot be judged;
    - the judge cannot tell, or could not be had: unscored.

    `unscored` is a code, few and fixed; `unscored_why` says it in words where a judge had some. An answer that declines
    in words is marked `refused`; its quality is the judge's, as in the audit.
    """
    shadow = task.interaction.shadow
    settled = _settled(task)
    if shadow is None or (settled is not None and settled.value is None):
        return _recorded(task, judge, settled or judge.judge_case(_own_case(task), task.means), None, at)
    if settled is None and not _lost(shadow):
        found, other = _compared(task, shadow, judge)
    else:
        found = settled or judge.judge_case(_own_case(task), task.means)
        other = NOTHING if _lost(shadow) else judge.judge_case(_case(task, shadow), task.means)
    return _recorded(task, judge, found, other.value if found.value is not None else None, at)


def unjudged(task: Task, judge: LiveJudging, why: str, *, at: datetime | None = None) -> ScoreRecorded:
    """The score of an interaction whose judge was not waited for any longer: unscored, with the reason in words."""
    failure = Failure(judge.version, why, at or task.interaction.time)
    return _recorded(task, judge, no_judgement(failure), None, at)


def _recorded(
    task: Task, judge: LiveJudging, found: Judgement, other: float | None, at: datetime | None
) -> ScoreRecorded:
    interaction, answer = task.interaction, task.interaction.answer
    failed = _arm_failed(interaction) and not _cut_by_router(interaction)
    filtered = not failed and answer.finish_reason == REFUSED
    return ScoreRecorded(
        event_id=_event_id(interaction, judge, found),
        time=at or interaction.time,
        source=SOURCE,
        rollout_id=interaction.rollout_id,
        interaction_id=interaction.event_id,
        interaction_time=interaction.time,
        assignment=interaction.assignment,
        capability=task.tag.capability,
        tag_confidence=task.tag.confidence,
        value=found.value,
        unscored=found.code,
        unscored_why=found.reason[:SHOWN] if found.failure is not None else None,
        other_value=other,
        judge=judge.version,
        basis=None if found.value is None else found.basis,
        judged_fraction=task.means.fraction,
        refused=filtered or (not failed and is_refusal(answer.text)),
        # What another replica made good is judged as it was given; that an engine of the arm failed is still told.
        failed=failed or answer.retried is not None,
        total_ms=answer.total_ms,
        router=interaction.source,
        draw=interaction.draw,
        spooled=interaction.spooled,
        logged=task.logged,
        traceparent=interaction.traceparent,
        prompt=_asked_by_nobody(task),
        by_key=interaction.by_key,
    )


def _asked_by_nobody(task: Task) -> str | None:
    """The digest of a prompt by which a request of nobody in particular is told from others; None for a known subject.

    The rollout's id goes into it, so that prompts cannot be followed from one rollout to the next.
    """
    who = task.interaction.assignment
    if who.subject_source != "request" or not task.prompt:
        return None
    return hashlib.blake2b(
        task.prompt.encode(), digest_size=8, key=task.interaction.rollout_id.encode()[:64]
    ).hexdigest()


def _event_id(interaction: InteractionRecorded, judge: LiveJudging, found: Judgement) -> str:
    parts = ("score", interaction.event_id, judge.version)
    return derived_id(*parts, *(["failed"] if found.failure is not None else []))


def _settled(task: Task) -> Judgement | None:
    """What is known of the assigned arm's answer before anybody judges it; None where somebody is to."""
    interaction, means = task.interaction, task.means
    if means.by is None:
        return unscored("nobody judges it", means.code or "cannot_tell")
    if _cut_by_router(interaction):
        return unscored("the router was stopped before the answer ended", "router_stopped")
    if means.needs_base and _base_of(interaction) is None:
        return unscored("base did not answer", "base_failed")
    if _arm_failed(interaction) or interaction.answer.finish_reason == REFUSED:
        return NOTHING
    if _unfinished(interaction):
        return unscored("the client left before the answer ended", "client_left")
    return None


def _compared(task: Task, shadow: Answer, judge: LiveJudging) -> tuple[Judgement, Judgement]:
    """The judgements of the assigned arm's answer and of the shadow."""
    own, other = _own_case(task), _case(task, shadow)
    if task.interaction.assignment.arm == "control":
        return judge.judge_pair(own, other, task.means)
    candidate, control = own, other
    found = judge.judge_pair(control, candidate, task.means)
    return found[1], found[0]


def _own_case(task: Task) -> Case:
    return _case(task, task.interaction.answer)


def _case(task: Task, answer: Answer) -> Case:
    return Case(
        capability=task.tag.capability or "",
        prompt=task.prompt,
        answer=answer.text,
        earlier=earlier_turns(task.interaction.messages),
        base=_base_of(task.interaction),
        finish_reason=answer.finish_reason,
        interaction=task.interaction.event_id,
        parameters=task.interaction.parameters,
    )


def _base_of(interaction: InteractionRecorded) -> str | None:
    """Base's answer, whichever arm was assigned; None where it was not asked, or failed."""
    control = interaction.assignment.arm == "control"
    answer = interaction.answer if control else interaction.shadow
    return None if answer is None or _lost(answer) else answer.text


def _arm_failed(interaction: InteractionRecorded) -> bool:
    return interaction.fallback is not None or _failed(interaction.answer)


def _lost(answer: Answer) -> bool:
    return _failed(answer) or answer.finish_reason == REFUSED


def _failed(answer: Answer) -> bool:
    return answer.error is not None or answer.status >= 400


def _cut_by_router(interaction: InteractionRecorded) -> bool:
    """Whether our own end cut the answer. Of a candidate that base had to answer for, the failure came first."""
    return interaction.fallback is None and interaction.answer.error == CUT_BY_ROUTER


def _unfinished(interaction: InteractionRecorded) -> bool:
    """Whether the client left mid-answer. One that left after the engine said why it ended missed nothing."""
    return interaction.client_left and interaction.answer.finish_reason is None
