"""Control's part of a trace: a change of a rollout, as what followed from a decision, or by itself.

    decide roll_back -> rollout rolled_back

Followed and asked by several threads; costs nothing where nobody traces.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, Final

from telemetry.events import RolloutChanged
from telemetry.tracing.context import Context, step_id
from telemetry.tracing.export import NO_TRACES, Traces
from telemetry.tracing.spans import Span, known, ns

_REMEMBERED: Final = 1_000
"""Decisions, whose change may come later since a promotion waits for its hour; and changes."""


class ChangeTraces:
    """Tells of each change once it is in force, that is, once the routers' file is written."""

    def __init__(self, traces: Traces = NO_TRACES) -> None:
        self._traces = traces
        self._lock = threading.Lock()
        self._decisions: OrderedDict[str, tuple[Context, int]] = OrderedDict()
        self._told: OrderedDict[str, Context] = OrderedDict()

    def heard(self, decision_id: str, span: Context | None) -> None:
        """A decision came, as part of this trace."""
        if self._traces.sampling is None or span is None:
            return
        with self._lock:
            self._decisions[decision_id] = span, time.time_ns()
            _bound(self._decisions)

    def changed(self, before: RolloutChanged | None, after: RolloutChanged) -> None:
        """A rollout's state is in force; what came before it is told by its own change."""
        del before
        if self._traces.sampling is not None:
            self._traces.emit(self._span(after))

    def traceparent(self, state: RolloutChanged) -> str | None:
        """What a state's record says that it is part of; None where its change was not told."""
        with self._lock:
            span = self._told.get(state.event_id)
        return None if span is None else span.traceparent

    def _span(self, state: RolloutChanged) -> Iterator[Span]:
        with self._lock:
            decision, heard = self._decisions.get(state.decision_id or "", (None, ns(state.time)))
            trace_id = state.event_id if decision is None else decision.trace_id
            own = self._told[state.event_id] = Context(trace_id, step_id("change", state.event_id))
            _bound(self._told)
        yield Span(
            f"rollout {state.status}",
            "internal",
            own,
            decision,
            min(heard, ns(state.time)),
            time.time_ns(),
            known(
                {
                    "belay.rollout.id": state.spec.rollout_id,
                    "belay.rollout.status": state.status,
                    "belay.rollout.stage": state.stage,
                    "belay.rollout.share": state.share,
                    "belay.rollout.revision": state.revision,
                    "belay.decision.id": state.decision_id,
                }
            ),
        )


def _bound(remembered: OrderedDict[str, Any]) -> None:
    if len(remembered) > _REMEMBERED:
        remembered.popitem(last=False)
