"""The path of the evidence: bounded, in order, and the same after a restart, wherever a kill fell."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.control.board.points import LARGEST, MOST, Folder, History, Point, Step, drawn, thinned


def point(at: float, step: int | None = None) -> Point:
    changed = (
        None
        if step is None
        else Step(revision=step, status="ramping", stage=0, actor="ada", reason="because")
    )
    return Point(at=at, settled=int(at), share=0.05, combined=1.0, evidence={"facts": 0.1}, step=changed)


@given(
    gaps=st.lists(st.floats(0.01, 5000.0), min_size=1, max_size=60),
    repeats=st.integers(1, 40),
    steps=st.sets(st.integers(0, 2000)),
)
@settings(max_examples=30, deadline=None)
def test_a_path_is_bounded_in_order_and_holds_its_first_and_its_latest_point(
    gaps: list[float], repeats: int, steps: set[int]
) -> None:
    history, at, first = History(), 0.0, None
    for number, gap in enumerate(gaps * repeats):
        at += gap
        history.add(point(at, number + 1 if number in steps else None))
        first = first if first is not None else at
        assert len(history.points) <= MOST
    times = [one.at for one in history.points]
    assert times == sorted(times)
    assert (times[0], times[-1]) == (first, at)


def test_a_change_of_the_state_outlives_thinning_and_ordinary_points_do_not() -> None:
    history = History()
    for second in range(20 * MOST):
        history.add(point(second, 1 if second == 4321 else None))
    assert [one.at for one in history.points if one.step is not None] == [4321]


def test_thinning_halves_and_keeps_both_ends() -> None:
    left = thinned([point(at, at if at == 3 else None) for at in range(1, 11)])
    assert [one.at for one in left] == [1, 3, 5, 7, 9, 10]


def test_the_past_told_once_more_adds_nothing() -> None:
    history = History()
    told = [point(1.0, step=1), point(2.0), point(3.0), point(4.0, step=2)]
    assert [history.add(one) for one in told] == [True] * 4
    assert [history.add(one) for one in told] == [False] * 4


def test_a_change_that_is_told_late_stands_at_the_end_of_what_is_known() -> None:
    history = History()
    history.add(point(10.0))
    assert history.add(point(4.0, step=1))
    assert history.points[-1].at == 10.0


@pytest.mark.parametrize("seconds", [50, 3 * MOST])
def test_after_a_restart_the_path_is_what_it_was(tmp_path: Path, seconds: int) -> None:
    before = Folder(tmp_path)("r1")
    for second in range(seconds):
        before.add(point(second, 1 if second == 7 else None))
    after = Folder(tmp_path)("r1")
    kept = [one.at for one in before.points if one.at <= after.points[-1].at]
    assert [one.at for one in after.points] == kept
    assert after.points[-1].at >= seconds - 2 * max(1, seconds // MOST * 2)
    assert after.revision == 1


@given(cut=st.integers(0, 400))
@settings(max_examples=25, deadline=None)
def test_a_file_that_a_kill_cut_off_is_read_as_far_as_it_goes_and_written_on(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    folder = tmp_path_factory.mktemp("paths")
    history = Folder(folder)("r1")
    for second in range(6):
        history.add(point(second))
    file = folder / "r1.jsonl"
    file.write_bytes(file.read_bytes()[:cut])
    again = Folder(folder)("r1")
    again.add(point(100.0))
    assert [one.at for one in Folder(folder)("r1").points] == [one.at for one in again.points]


def test_a_file_that_somebody_made_longer_is_as_long_as_ours(tmp_path: Path) -> None:
    lines = (point(second).model_dump_json() + "\n" for second in range(5 * MOST))
    (tmp_path / "r1.jsonl").write_text("".join(lines))
    assert len(Folder(tmp_path)("r1").points) < MOST
    assert len((tmp_path / "r1.jsonl").read_text().splitlines()) < MOST


def test_the_folder_keeps_the_newest_paths(tmp_path: Path) -> None:
    folder = Folder(tmp_path, most=3)
    for number in range(6):
        folder(f"r{number}").add(point(1.0))
    assert len(list(tmp_path.iterdir())) == 3


def test_an_id_that_is_no_file_name_and_a_folder_that_cannot_be_made_cost_no_path_in_memory(
    tmp_path: Path,
) -> None:
    (tmp_path / "taken").write_text("a file")
    for history in (Folder(tmp_path)("../r1"), Folder(tmp_path / "taken")("r1")):
        assert history.add(point(1.0))
        assert len(history.points) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["taken"]


def test_infinite_evidence_is_drawn_as_a_large_number() -> None:
    assert drawn(float("inf")) == LARGEST
    assert drawn(123.456) == 123.5
