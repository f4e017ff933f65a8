"""The view: what it is told it tells, once, in whatever order it comes, and within bounds."""

from __future__ import annotations

import random

from router.control.board.points import History
from router.control.board.seen import HOLDS, OTHERS
from router.control.board.told import Rollout, Source
from router.control.board.view import MOST_ROLLOUTS, MOST_WORKERS, View
from telemetry.events import CapabilityEvidence, Event
from tests.router.control.board.values import evidence, later, report, state, worker
from tests.router.values import decision, spec


def view(*events: Event) -> View:
    made = View(lambda _: History(), lambda: later(20))
    for event in events:
        made.take(event)
    return made


def told(made: View, rollout_id: str = "r1") -> Rollout:
    found = made.rollout(rollout_id)
    assert found is not None
    return found


def test_a_rollout_is_told_with_its_evidence_its_change_and_what_may_be_done() -> None:
    found = told(view(state(), report(5), worker(6)))
    (support,) = found.capabilities
    assert (support.estimate, support.low, support.high) == (-0.5, -0.7, -0.3)
    assert (found.line.settled, found.line.bar, found.traffic) == (80, 100.0, {"support": 70, "": 5})
    assert found.line.actions == ("rollback", "pause", "promote")
    assert [one.readable for one in found.heaviest] == [True]
    assert found.pipeline[0].worker == "w1"


def test_what_is_told_twice_or_late_changes_nothing() -> None:
    events = [state(), report(5), report(6, settled=90), worker(6), decision(), state(2, 7)]
    made = view(*events)
    before, version = made.rollout("r1"), made.version
    random.Random(1).shuffle(events)
    for event in events:
        made.take(event)
    assert (made.rollout("r1"), made.version) == (before, version)


def test_a_report_that_comes_before_its_state_waits_for_it() -> None:
    made = view(report(5))
    assert (made.rollout("r1"), made.overview().rollouts) == (None, ())
    made.take(state(1, 6))
    assert told(made).line.settled == 80


def test_the_path_has_the_share_of_its_time_though_control_knows_more_already() -> None:
    made = view()
    last = state(3, 30, status="rolled_back", share=0.0)
    made.know(last)
    assert told(made).line.status == "rolled_back"
    for event in (state(1, 0, share=0.05), report(5), state(2, 10, share=0.25), report(15), last):
        made.take(event)
    found = told(made)
    assert found.path.share == (0.05, 0.05, 0.25, 0.25, 0.0)
    assert [step.revision for step in found.steps] == [1, 2, 3]


def test_without_a_broker_the_path_is_what_control_did() -> None:
    made = view()
    made.source_is(Source(state="away", why="nobody there", since=later(0)))
    for event in (state(1, 0), state(2, 10, share=0.25)):
        made.know(event)
    assert told(made).path.share == (0.05, 0.25)
    assert "nobody there" in told(made).line.verdict.why


def test_a_revision_that_moved_only_shadows_is_no_step() -> None:
    found = told(view(state(1, 0), state(2, 5), state(3, 9, share=0.25)))
    assert [step.revision for step in found.steps] == [1, 3]


def test_in_the_stream_a_rollout_has_the_last_moment_of_its_path() -> None:
    made = view(state(), report(5), report(9))
    found = made.rollout("r1", whole=False)
    assert found is not None
    assert found.path.at == (later(9).timestamp(),)


def test_holds_do_not_push_out_what_was_done() -> None:
    many = [decision("hold").model_copy(update={"time": later(n), "event_id": str(n)}) for n in range(300)]
    made = view(state(), decision().model_copy(update={"event_id": "back"}), *many)
    found = told(made).decisions
    assert (len(found) <= HOLDS + OTHERS, "back" in [one.decision_id for one in found]) == (True, True)
    kept = made.decision("r1", "back")
    assert kept is not None
    assert kept.replay == "belay replay back"
    assert made.decision("r1", "absent") is None


def test_it_is_bounded_in_rollouts_and_workers_and_forgets_what_is_over_first() -> None:
    over = [state(status="rolled_back", spec=spec(rollout_id=f"over-{n}")) for n in range(MOST_ROLLOUTS + 20)]
    made = view(state(), *over, *(worker(n, worker=f"w{n}") for n in range(MOST_WORKERS + 9)))
    seen = made.overview()
    assert (len(seen.rollouts), len(seen.pipeline)) == (MOST_ROLLOUTS, MOST_WORKERS)
    assert "r1" in [line.rollout_id for line in seen.rollouts]


def test_a_rollout_of_a_thousand_capabilities_has_a_path_of_few_curves() -> None:
    many: tuple[CapabilityEvidence, ...] = tuple(
        evidence(f"c{n}", float(n), weight=0.001) for n in range(1000)
    )
    made = view(state(), *(report(n, evidence=many) for n in range(1, 9)))
    assert 0 < len(told(made).path.evidence) < 50


def test_the_path_has_what_traffic_consisted_of_by_then_unknown_included() -> None:
    made = view(state(), report(5), report(9, traffic={"support": 90, "": 12, "new": 1}))
    assert told(made).path.traffic == {"support": (None, 70, 90), "": (None, 5, 12), "new": (None, None, 1)}


def test_of_very_many_capabilities_the_rest_of_traffic_is_one_number() -> None:
    prompts = {f"c{n}": n for n in range(1000)} | {"": 7}
    last = {
        name: column[-1]
        for name, column in told(view(state(), report(5, traffic=prompts))).path.traffic.items()
    }
    assert last[""] == 7
    assert "c999" in last
    assert "c1" not in last
    assert sum(n for n in last.values() if n) == sum(prompts.values())


def test_infinite_evidence_is_told_as_a_number() -> None:
    made = view(state(), report(5, e_value=float("inf"), evidence=(evidence(e_value=float("inf")),)))
    assert '"Infinity"' not in told(made).model_dump_json()


def test_what_waits_for_a_person_is_named() -> None:
    by_hand = state(spec=spec(advance="manual"))
    waits = view(by_hand, report(5), worker(6, dead=4)).overview().waits
    assert [wait.what.split(":")[0] for wait in waits] == [
        "promotion is by hand",
        "4 records could not be read",
    ]


def test_whoever_listens_is_told_of_news_and_of_nothing_else() -> None:
    calls: list[int] = []
    made = view()
    made.on_change = lambda: calls.append(made.version)
    for event in (state(), state(), report(5), report(5), report(4)):
        made.take(event)
    assert calls == [1, 2]
