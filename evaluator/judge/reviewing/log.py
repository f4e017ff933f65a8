"""What there is to review, out of Kafka: the rollout, its scores (for capability and judge), answers, grades."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from evaluator.judge.reviewing.cases import Drawing, ReviewCase, cases_of
from telemetry import score_batches, topics
from telemetry.bus.protocols import Bus
from telemetry.errors import UsageError
from telemetry.events import (
    AnswerGraded,
    Event,
    InteractionRecorded,
    RolloutChanged,
    ScoreRecorded,
    ShadowAnswered,
)
from telemetry.joining import joined
from telemetry.reading import Unreadable, events_in


@dataclass(frozen=True, slots=True)
class Found:
    """Cases as they lay in the log, and what was passed over, by reason."""

    cases: tuple[ReviewCase, ...]
    passed_over: Counter[str]


def rollout_named(bus: Bus, rollout_id: str | None, unreadable: Unreadable) -> RolloutChanged:
    """The latest state of the rollout; without an id that of the live one, else of the one that changed last.

    Raises UsageError where there is none.
    """
    states: dict[str, RolloutChanged] = {}
    for _, event in events_in(bus, topics.ROLLOUTS, unreadable):
        if isinstance(event, RolloutChanged):
            states.pop(event.spec.rollout_id, None)
            states[event.spec.rollout_id] = event
    if rollout_id is not None and rollout_id in states:
        return states[rollout_id]
    if rollout_id is not None or not states:
        raise UsageError(
            f"{topics.ROLLOUTS} holds no rollout {rollout_id!r}"
            if rollout_id is not None
            else f"{topics.ROLLOUTS} holds no rollout",
            hint=f"It holds: {', '.join(states) or 'none'}. `belay rollout status` shows the current one.",
        )
    every = list(states.values())
    return next((state for state in reversed(every) if state.live), every[-1])


def scores_of(bus: Bus, rollout_id: str, unreadable: Unreadable) -> dict[str, ScoreRecorded]:
    """The judge's score of each interaction; of several the last that has a value, else the last."""
    found: dict[str, ScoreRecorded] = {}
    for _, event in events_in(bus, topics.SCORES, unreadable):
        for score in score_batches.scores_of(event) if event.key == rollout_id else ():
            if score.corrects is not None:
                continue
            before = found.get(score.interaction_id)
            if score.value is not None or before is None or before.value is None:
                found[score.interaction_id] = score
    return found


def grades_of(bus: Bus, rollout_id: str, unreadable: Unreadable) -> list[AnswerGraded]:
    """Every grade of the rollout's answers, in the order given."""
    bus.ensure_topics()  # a log that is older than grades has no topic for them
    return [
        event
        for _, event in events_in(bus, topics.GRADES, unreadable)
        if isinstance(event, AnswerGraded) and event.rollout_id == rollout_id
    ]


def cases_in(
    bus: Bus, scores: dict[str, ScoreRecorded], rollout_id: str, drawing: Drawing, unreadable: Unreadable
) -> Found:
    """The cases that a person is shown, in the log's order; a pair stands where its shadow's answer does.

    Only drawn interactions are kept in memory.
    """
    fractions = drawing.fractions(scores.values())

    def fraction_of(interaction: InteractionRecorded) -> float:
        score = scores[interaction.event_id]
        return fractions.get(score.capability or "", 0.0) if drawing.takes(score) else 0.0

    cases: list[ReviewCase] = []
    passed: Counter[str] = Counter()
    for interaction in _interactions(bus, rollout_id, unreadable):
        score = scores.get(interaction.event_id)
        if score is None:
            passed["not scored yet"] += 1
        elif score.capability is None:
            passed["without a capability"] += 1
        elif isinstance(own := cases_of(interaction, score.capability, fraction_of(interaction)), str):
            passed[own.replace("_", " ")] += 1
        else:
            cases += own
    return Found(tuple(cases), passed)


def cases_by_id(
    bus: Bus,
    scores: dict[str, ScoreRecorded],
    rollout_id: str,
    wanted: Callable[[ReviewCase], bool],
    unreadable: Unreadable,
) -> dict[str, ReviewCase]:
    """Every answer of the rollout that could be graded and is wanted, by case id, whatever was drawn."""
    found: dict[str, ReviewCase] = {}
    for interaction in _interactions(bus, rollout_id, unreadable):
        score = scores.get(interaction.event_id)
        if score is None or score.capability is None:
            continue
        own = cases_of(interaction, score.capability, 1.0)
        if not isinstance(own, str):
            found |= {case.id: case for case in own if wanted(case)}
    return found


def _interactions(bus: Bus, rollout_id: str, unreadable: Unreadable) -> Iterator[InteractionRecorded]:
    """Each interaction of the rollout once, with its shadow's answer."""
    seen: set[str] = set()
    events = (event for _, event in events_in(bus, topics.INTERACTIONS, unreadable))
    for interaction in joined(event for event in events if _is_of(event, rollout_id)):
        if interaction.event_id not in seen:
            seen.add(interaction.event_id)
            yield interaction


def _is_of(event: Event, rollout_id: str) -> bool:
    return isinstance(event, InteractionRecorded | ShadowAnswered) and event.rollout_id == rollout_id
