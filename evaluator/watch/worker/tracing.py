"""The worker's part of a trace: what was judged, and what was decided on it. Costs nothing where nobody traces.

    send belay.interactions -> process belay.interactions -> judge facts  (gen_ai.evaluation.result: a score each)
                                                          -> decide roll_back -> ...

A decision is always told: there are few. Where the trace of the interaction that it fell on is not kept, it begins one
of its own; it links to the interactions that weighed most either way.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from evaluator.watch.evidence.state import Heavy
from telemetry import topics
from telemetry.events import Arm, DecisionMade, InteractionRecorded, ScoreRecorded
from telemetry.tracing.context import Context, Sampling, role_id, step_id, trace_of
from telemetry.tracing.export import NO_TRACES, Traces
from telemetry.tracing.spans import Happened, Span, known, ns

_OTHER: Final[dict[Arm, Arm]] = {"control": "candidate", "candidate": "control"}


class _Judged(NamedTuple):
    """A score under way. `taken` and `judged` are nanoseconds since 1970."""

    score: ScoreRecorded
    taken: int
    judged: int


class ScorerTraces:
    """Tells of scores once they are published. Used by the scorer's thread, but for `judged`."""

    def __init__(self, traces: Traces = NO_TRACES) -> None:
        self._traces = traces
        self._taken: dict[str, int] = {}
        self._ended: dict[str, int] = {}
        self._leaving: list[_Judged] = []

    def takes(self, interaction: InteractionRecorded) -> None:
        """An interaction, with its shadow's answer where it has one, is to be judged from now on."""
        sampling = self._traces.sampling
        if sampling is not None and trace_of(interaction.event_id, interaction.traceparent, sampling).sampled:
            self._taken[interaction.event_id] = time.time_ns()

    def judged(self, score: ScoreRecorded) -> ScoreRecorded:
        """A score is made; given back. Called by whichever thread made it."""
        if score.interaction_id in self._taken:
            self._ended[score.interaction_id] = time.time_ns()
        return score

    def leaves(self, score: ScoreRecorded) -> None:
        """A score is on its way to the broker."""
        taken = self._taken.pop(score.interaction_id, None)
        if taken is not None:
            judged = self._ended.pop(score.interaction_id, None) or time.time_ns()
            self._leaving.append(_Judged(score, taken, judged))

    def published(self) -> None:
        """The broker has all that left."""
        leaving, self._leaving = self._leaving, []
        sampling = self._traces.sampling
        if leaving and sampling is not None:
            at = time.time_ns()
            self._traces.emit(span for one in leaving for span in _of_score(one, at, sampling))


class DecisionTraces:
    """Tells of decisions. Used by the decider's thread."""

    def __init__(self, traces: Traces = NO_TRACES) -> None:
        self._traces = traces

    def of(self, decision: DecisionMade, last: ScoreRecorded | None) -> Context | None:
        """The span of a decision that the score `last` brought about; None where nobody traces."""
        sampling = self._traces.sampling
        if sampling is None:
            return None
        parent = _parent(last, sampling)
        trace_id = decision.event_id if parent is None else parent.trace_id
        return Context(trace_id, step_id("decide", decision.event_id))

    def said(
        self, decision: DecisionMade, last: ScoreRecorded | None, weighed: Sequence[Heavy], began: int
    ) -> None:
        """A decision is published that was looked at from `began` on (nanoseconds since 1970).

        `weighed` are the interactions that weighed most: of some the client began the trace, which their ids do not
        tell, and which a decider that was started anew has not heard of otherwise.
        """
        if self._traces.sampling is not None:
            links = tuple(
                trace_of(one.interaction_id, one.traceparent, self._traces.sampling) for one in weighed
            )
            self._traces.emit(self._span(decision, last, links, began))

    def _span(
        self, decision: DecisionMade, last: ScoreRecorded | None, links: tuple[Context, ...], began: int
    ) -> Iterator[Span]:
        own, proof = self.of(decision, last), decision.proof
        sampling = self._traces.sampling
        if own is None or sampling is None:
            return
        yield Span(
            f"decide {decision.action}",
            "internal",
            own,
            _parent(last, sampling),
            began,
            time.time_ns(),
            known(
                {
                    "belay.decision.id": decision.event_id,
                    "belay.decision.action": decision.action,
                    "belay.decision.reason": decision.reason,
                    "belay.rollout.id": decision.rollout_id,
                    "belay.rollout.stage": decision.stage,
                    "belay.evidence.e_value": proof.e_value,
                    "belay.evidence.bar": proof.bar,
                    "belay.evidence.blamed": proof.blamed or None,
                    "belay.score.id": proof.deciding_score or None,
                }
            ),
            links=links,
        )


def _parent(last: ScoreRecorded | None, sampling: Sampling) -> Context | None:
    """The span of the score that a decision fell on, None where its trace is not kept."""
    if last is None:
        return None
    own = _processing(last, sampling)
    return own if own.sampled else None


def _processing(score: ScoreRecorded, sampling: Sampling) -> Context:
    whole = trace_of(score.interaction_id, score.traceparent, sampling)
    return whole.beside(step_id("process", score.interaction_id))


def _of_score(one: _Judged, published: int, sampling: Sampling) -> Iterator[Span]:
    score, own = one.score, _processing(one.score, sampling)
    yield Span(
        f"process {topics.INTERACTIONS}",
        "consumer",
        own,
        own.beside(step_id("send", score.interaction_id)),
        one.taken,
        published,
        known(
            {
                "messaging.system": "kafka",
                "messaging.destination.name": topics.INTERACTIONS,
                "messaging.operation.name": "process",
                "messaging.operation.type": "process",
                "messaging.destination.partition.id": str(score.logged.partition) if score.logged else None,
                "messaging.kafka.offset": score.logged.offset if score.logged else None,
                "belay.interaction.id": score.interaction_id,
                "belay.capability": score.capability,
                "belay.score.id": score.event_id,
                "belay.score.unscored": score.unscored,
            }
        ),
    )
    if score.capability is not None:
        yield _judging(one, own)


def _judging(one: _Judged, parent: Context) -> Span:
    """The judging of one answer or of two: a result each, on the answers that it links to."""
    score = one.score
    arm = score.assignment.arm
    answers = [(arm, score.value)]
    links = [parent.beside(role_id(score.interaction_id, arm))]
    if score.other_value is not None:
        answers.append((_OTHER[arm], score.other_value))
        links.append(parent.beside(role_id(score.interaction_id, "shadow")))
    results = (
        known(
            {
                "gen_ai.evaluation.name": score.capability,
                "gen_ai.evaluation.score.value": value,
                "gen_ai.evaluation.score.label": score.unscored,
                "belay.arm": arm,
            }
        )
        for arm, value in answers
    )
    return Span(
        f"judge {score.capability}",
        "internal",
        parent.beside(step_id("judge", score.interaction_id)),
        parent,
        max(one.taken, ns(score.time)),
        one.judged,
        known(
            {
                "belay.capability": score.capability,
                "belay.judge.version": score.judge,
                "belay.score.basis": score.basis,
            }
        ),
        happened=tuple(Happened("gen_ai.evaluation.result", one.judged, result) for result in results),
        links=tuple(links),
    )
