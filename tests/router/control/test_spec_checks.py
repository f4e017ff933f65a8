"""What control accepts, every later part can live with; what it refuses, it says why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.watch.evidence.state import EvidenceState
from router.control.spec_checks import MOST_STAGES, SpecRefused, check_kept, check_spec
from telemetry.events import CapabilityWatch, Guardrail, RolloutSpec
from telemetry.files import write_renamed
from telemetry.rollout_file import file_of
from tests.router.values import spec


def watch(name: str = "sums", weight: float = 0.5, **changes: Any) -> CapabilityWatch:
    return CapabilityWatch(name=name, role="adjacent", threshold=0.1, weight=weight, **changes)


@pytest.mark.parametrize("rollout_id", ["r1", "support-2026.03_b", "0", "A" * 64])
def test_an_id_that_urls_keys_and_file_names_can_hold_is_taken(rollout_id: str) -> None:
    check_spec(spec(rollout_id=rollout_id))


@pytest.mark.parametrize(
    "rollout_id", ["", "a/b", "../r1", ".hidden", "-r", "a b", "a\n", "r1?x=1", "größer", "A" * 65]
)
def test_an_id_that_could_not_be_rolled_back_by_its_id_is_refused(rollout_id: str) -> None:
    with pytest.raises(SpecRefused, match="its id is expected to be 1 to 64 of"):
        check_spec(spec(rollout_id=rollout_id))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"capabilities": ()}, "none of its 0 capabilities is watched"),
        ({"capabilities": (watch(watched=False),)}, "none of its 1 capabilities is watched"),
        ({"capabilities": (watch(weight=0.6), watch("lists", 0.6))}, "weights add up to 1.2, expected at most 1"),
        ({"capabilities": (watch(weight=0.0),)}, "weights are all 0"),
        ({"capabilities": (watch(), watch())}, "capability 'sums' stands there more than once"),
        ({"capabilities": (watch("missing:scores"),)}, "a capability is named 'missing:scores', expected"),
        ({"capabilities": (watch(""),)}, "a capability is named '', expected"),
        ({"guardrails": (Guardrail(kind="errors", threshold=0.1),) * 2}, "guardrail 'errors' stands there more"),
        ({"alpha": 1e-12}, "alpha is 1e-12, expected 1e-09 to 0.5"),
        ({"alpha_promote": 0.9}, "alpha_promote is 0.9"),
        ({"rollback_window_days": 0}, "rollback_window_days is 0, expected 1 to 3650"),
        ({"rollback_window_days": 10**12}, "expected 1 to 3650"),
        ({"stages": ()}, "it has no stages, expected 1 to 100"),
    ],
)  # fmt: skip
def test_a_spec_that_a_later_part_could_not_live_with_is_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(SpecRefused, match=r"^Start of 'r1': ") as refused:
        check_spec(spec(**change))
    assert told in refused.value.message


def test_more_stages_than_anybody_could_mean_are_refused() -> None:
    shares = tuple((n + 1) / 1000 for n in range(MOST_STAGES + 1))
    with pytest.raises(SpecRefused, match=f"it has {MOST_STAGES + 1} stages"):
        check_spec(spec(shares))


@pytest.mark.parametrize("route", ["acme/support", "a" * 100, "../" * 25, "."])
def test_a_route_that_a_file_can_be_named_after_is_taken(route: str, tmp_path: Path) -> None:
    check_spec(spec(route=route))
    file = file_of(tmp_path / "rollout.json", route)
    write_renamed(file, b"")
    assert file.parent == tmp_path


@pytest.mark.parametrize("route", ["", "a b", "a" * 101, "/" * 100, "größer"])
def test_a_route_that_no_file_could_be_named_after_is_refused(route: str) -> None:
    with pytest.raises(SpecRefused, match="its route is"):
        check_spec(spec(route=route))


def test_weights_of_capabilities_that_are_not_watched_do_not_count() -> None:
    check_spec(spec(capabilities=(watch(weight=1.0), watch("lists", 1.0, watched=False))))


def test_a_seventh_seven_times_is_one() -> None:
    check_spec(spec(capabilities=tuple(watch(f"c{n}", 1 / 7) for n in range(7))))


SPECS = st.builds(
    spec,
    rollout_id=st.text("ab/.-_ \n", max_size=5),
    capabilities=st.lists(
        st.builds(watch, st.sampled_from(["a", "b", "missing:scores", ""]), st.sampled_from([0.0, 0.3, 0.6, 1.0])),
        max_size=4,
    ).map(tuple),
    guardrails=st.lists(st.sampled_from([Guardrail(kind=k, threshold=0.1) for k in ("errors", "refusals")]), max_size=3)
    .map(tuple),
    alpha=st.sampled_from([1e-300, 1e-9, 0.01, 0.5, 0.999]),
    rollback_window_days=st.integers(-1, 10**13),
)  # fmt: skip


@given(SPECS)
def test_the_watch_can_be_begun_for_every_spec_that_is_accepted(given: RolloutSpec) -> None:
    try:
        check_spec(given)
    except SpecRefused:
        return
    state = EvidenceState(given).to_snapshot()
    assert list(state["capabilities"]) == [c.name for c in given.capabilities]
    assert len(state["guardrails"]) == len(given.guardrails)


def test_a_rollback_window_longer_than_scores_are_kept_is_refused() -> None:
    long = spec().model_copy(update={"rollback_window_days": 46})
    with pytest.raises(SpecRefused, match="kept for 45 days"):
        check_kept(long, 45.0)
    check_kept(long, 46.0)
    check_kept(long, None)
