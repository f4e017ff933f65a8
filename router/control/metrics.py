"""What control says to Prometheus: every rollout that is there, what became of rollouts, and its own threads.

It has an address of its own, as the other processes have: whoever scrapes needs no token that could look at a page,
and is answered where the API has no room. A rollout that was closed, or whose place another took, has no series.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final, get_args

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from router.control.actor import Control
from router.control.health import Pulse
from router.control.tokens import Tokens
from telemetry.events import RolloutChanged, Status

STATES: Final[tuple[Status, ...]] = get_args(Status)
_ROLLOUT: Final = ("rollout", "route")


class ControlMetrics(Collector):
    """Collects from one control. `tokens` None where nobody signs in by one. It follows changes (`changed`)."""

    def __init__(self, control: Control, pulses: Sequence[Pulse], tokens: Tokens | None = None) -> None:
        self._control, self._pulses, self._tokens = control, pulses, tokens
        self._changes: Counter[Status] = Counter()

    def changed(self, before: RolloutChanged | None, after: RolloutChanged) -> None:  # noqa: ARG002 - a follower takes both
        """Count a change of status, stage or share, by the status that it led to."""
        self._changes[after.status] += 1

    def collect(self) -> Iterator[Metric]:
        """All figures, as prometheus_client asks for them."""
        there = [s for s in self._control.standing if s.status != "closed"]
        yield from _of_rollouts(there)
        yield from self._blind(there)
        changes = CounterMetricFamily(
            "belay_rollout_changes", "Changes of status, stage or share, by the status after.", labels=["to"]
        )
        for state in STATES:
            changes.add_metric([state], self._changes[state])
        yield changes
        waiting = len(self._control.outbox)
        yield GaugeMetricFamily(
            "belay_control_unpublished", "States that the broker does not have.", value=waiting
        )
        yield from _of_threads(self._pulses)
        yield from self._of_tokens()

    def _blind(self, there: Sequence[RolloutChanged]) -> Iterator[Metric]:
        blind = GaugeMetricFamily(
            "belay_rollout_blind", "1 where control takes its watch for blind.", labels=_ROLLOUT
        )
        for state in there:
            blind.add_metric(_labels(state), float(self._control.why_blind(state) is not None))
        yield blind

    def _of_tokens(self) -> Iterator[Metric]:
        expires = GaugeMetricFamily(
            "belay_token_expires_timestamp_seconds", "When the first of the tokens expires that have not."
        )
        soonest = self._tokens.soonest() if self._tokens is not None else None
        if soonest is not None:
            expires.add_metric([], soonest.timestamp())
        yield expires


def _of_rollouts(there: Sequence[RolloutChanged]) -> Iterator[Metric]:
    states = GaugeMetricFamily(
        "belay_rollout_state", "1 for the state that a rollout is in.", labels=[*_ROLLOUT, "state"]
    )
    for state in there:
        for each in STATES:
            states.add_metric([*_labels(state), each], float(state.status == each))
    yield states
    figures: tuple[tuple[str, str, Callable[[RolloutChanged], float]], ...] = (
        (
            "belay_control_share_ratio",
            "Fraction of subjects that are to have the candidate.",
            lambda s: s.share,
        ),
        ("belay_control_stage", "Stage of a rollout.", lambda s: s.stage),
        ("belay_control_revision", "Revision of a rollout.", lambda s: s.revision),
        ("belay_rollout_since_timestamp_seconds", "Since when so.", lambda s: s.since.timestamp()),
    )
    for name, text, figure in figures:
        family = GaugeMetricFamily(name, text, labels=_ROLLOUT)
        for state in there:
            family.add_metric(_labels(state), figure(state))
        yield family


def _of_threads(pulses: Sequence[Pulse]) -> Iterator[Metric]:
    alive = GaugeMetricFamily("belay_control_thread_up", "1 where a thread goes round.", labels=["thread"])
    alarms = CounterMetricFamily(
        "belay_control_alarms", "Mistakes of a thread that it survived.", labels=["thread"]
    )
    letters = 0
    for pulse in pulses:
        alive.add_metric([pulse.name], float(pulse.dead() is None))
        alarms.add_metric([pulse.name], pulse.alarms)
        letters += pulse.buried
    yield alive
    yield alarms
    away = any(pulse.without_broker() is not None for pulse in pulses)
    yield GaugeMetricFamily(
        "belay_control_broker_up", "0 where control has no broker.", value=float(not away)
    )
    dead = CounterMetricFamily(
        "belay_dead_letters", "Records that could not be used, by who read them.", labels=["stage"]
    )
    dead.add_metric(["control"], letters)
    yield dead


def _labels(state: RolloutChanged) -> list[str]:
    return [state.spec.rollout_id, state.spec.route]
