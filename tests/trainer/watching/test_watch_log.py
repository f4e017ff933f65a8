from __future__ import annotations

import statistics
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.errors import UsageError
from trainer.watching.watch_log import ENOUGH, Row, Typical, encode_rows, read_rows, write_rows

ROWS = [
    Row(1, "layers.0", 0.5, 0.25, interference=-0.125, drift_cosine=0.0, drift_l2=0.0),
    Row(1, "layers.1", 4.0, 0.0, runs_away="gradient"),
    Row(2, "layers.0", 0.1, 1e-9),
]


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    write_rows(tmp_path / "watch.parquet", ROWS)
    assert read_rows(tmp_path / "watch.parquet") == ROWS
    assert [file.name for file in tmp_path.iterdir()] == ["watch.parquet"]


def test_the_same_rows_give_the_same_bytes() -> None:
    assert encode_rows(ROWS) == encode_rows(list(ROWS))


@pytest.mark.parametrize("content", [b"", b"no parquet", encode_rows(ROWS)[:-20]])
def test_a_damaged_log_is_refused_with_its_path(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "watch.parquet").write_bytes(content)
    with pytest.raises(UsageError, match=r"watch\.parquet is no log"):
        read_rows(tmp_path / "watch.parquet")


norms = st.lists(st.floats(0, 1e6), min_size=ENOUGH, max_size=40)


@given(norms, st.floats(0, 1e9), st.floats(1.01, 100))
def test_a_layer_runs_away_where_it_exceeds_so_many_times_the_median_of_all_before(
    before: list[float], norm: float, factor: float
) -> None:
    typical = Typical()
    for value in before:
        typical.runs_away(value, factor)
    median = statistics.median_low(before)
    assert typical.runs_away(norm, factor) == (0 < median * factor < norm)


@given(st.lists(st.floats(0, 1e6), max_size=ENOUGH - 1), st.floats(0, 1e12))
def test_nothing_runs_away_before_enough_was_seen(before: list[float], norm: float) -> None:
    typical = Typical()
    assert not any(typical.runs_away(value, 1.5) for value in [*before, norm])


def test_a_norm_that_is_no_number_is_passed_over() -> None:
    typical = Typical()
    for _ in range(ENOUGH):
        typical.runs_away(1.0, 10.0)
    assert not typical.runs_away(float("nan"), 10.0)
    assert typical.runs_away(11.0, 10.0)
