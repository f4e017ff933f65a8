from __future__ import annotations

from pathlib import Path

import pytest

from router.control.actor import Control
from router.control.rollout import RollBack
from router.control.tracing import ChangeTraces
from telemetry.tracing.context import Context
from telemetry.tracing.export import NO_TRACES
from tests.router.values import decision, spec
from tests.telemetry.tracing.kept import Kept

DECIDED = Context("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")


@pytest.fixture
def control(tmp_path: Path) -> Control:
    return Control(tmp_path / "rollout.json", tmp_path / "control.jsonl")


def test_a_change_hangs_below_its_decision_and_its_record_goes_on_from_it(control: Control) -> None:
    kept = Kept()
    changes, made = ChangeTraces(kept), decision("roll_back")
    control.start(spec())
    control.followers.append(changes.changed)
    changes.heard(made.event_id, DECIDED)
    control.decide(made)
    span = kept.named("rollout rolled_back")
    assert (span.parent, span.context.trace_id) == (DECIDED, DECIDED.trace_id)
    assert span.attributes["belay.rollout.share"] == 0.0
    assert changes.traceparent(control.rollout("r1")) == span.context.traceparent
    assert span.start <= span.end


def test_what_people_change_is_a_trace_of_its_own(control: Control) -> None:
    kept = Kept()
    changes = ChangeTraces(kept)
    control.followers.append(changes.changed)
    control.start(spec())
    control.act("r1", RollBack("ann@example.com", "because of somebody"))
    assert [(span.name, span.parent) for span in kept.spans] == [
        ("rollout ramping", None),
        ("rollout rolled_back", None),
    ]
    assert len({span.context.trace_id for span in kept.spans}) == 2
    assert "ann@example.com" not in repr(kept.spans)


def test_nothing_is_remembered_where_nobody_traces(control: Control) -> None:
    changes, made = ChangeTraces(NO_TRACES), decision("roll_back")
    control.followers.append(changes.changed)
    control.start(spec())
    changes.heard(made.event_id, DECIDED)
    control.decide(made)
    assert changes.traceparent(control.rollout("r1")) is None
