"""What several workers say, as one router says it."""

from __future__ import annotations

from typing import Any

from router.proxy.workers.sums import counts_of, summed
from telemetry.buckets import EXAMPLES, Buckets


def status(revision: int = 3, applied: int = 10, **changes: Any) -> dict[str, Any]:
    route = {
        "revision": revision,
        "applied_at_ns": applied,
        "share": revision / 10,
        "stage": revision,
        "rollout": "ramping",
        "recorded": 5,
        "requests": {"control": 3, "candidate": 2},
        "shadow_fractions": {"addition": 0.5},
    }
    return {**route, "in_flight": 1, "dropped": 4, "needs_key": True, "routes": {"default": route}} | changes


def test_counts_are_added_up_in_routes_too() -> None:
    found = summed([status(), status()])
    assert (found["recorded"], found["in_flight"], found["dropped"]) == (10, 2, 8)
    assert found["requests"] == {"control": 6, "candidate": 4}
    assert found["routes"]["default"]["requests"] == {"control": 6, "candidate": 4}


def test_what_is_in_force_is_said_and_not_added() -> None:
    found = summed([status(), status()])["routes"]["default"]
    assert (found["revision"], found["stage"], found["share"], found["rollout"]) == (3, 3, 0.3, "ramping")
    assert found["shadow_fractions"] == {"addition": 0.5}
    assert summed([status(), status()])["needs_key"] is True


def test_a_revision_is_in_force_where_the_last_worker_has_it_and_since_then() -> None:
    assert summed([status(4, 30), status(3, 10)])["revision"] == 3
    assert summed([status(4, 30), status(3, 10)])["share"] == 0.3
    assert summed([status(4, 20), status(4, 30)])["applied_at_ns"] == 30


def test_what_an_ended_worker_counted_stays_and_what_it_was_doing_does_not() -> None:
    ended = counts_of(status())
    found = summed([status()], ended)
    assert (found["recorded"], found["routes"]["default"]["recorded"]) == (10, 10)
    assert (found["in_flight"], found["dropped"], found["revision"]) == (1, 4, 3)
    assert summed([status()], summed([ended, ended]))["recorded"] == 15


def test_a_key_that_one_worker_alone_has_is_not_lost() -> None:
    assert summed([status(), status(fallback_reasons={"timeout": 2})])["fallback_reasons"] == {"timeout": 2}


def test_without_a_worker_there_is_nothing_to_say() -> None:
    assert summed([]) == {}


def test_an_example_of_a_bucket_is_any_workers_and_no_number() -> None:
    first, second = Buckets((1.0,)), Buckets((1.0,))
    first.see(0.5, "a")
    second.see(0.5, "b")
    second.see(2.0, "c")
    told = summed([first.told(), second.told()], counts_of(first.told()))
    assert (told["1.0"], told["+Inf"]) == (3, 1)
    assert {bound: example[0] for bound, example in told[EXAMPLES].items()} == {"1.0": "a", "+Inf": "c"}
