"""What is remembered: one result for all who ask at once, the latest of them, and no failure."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from evaluator.judge.judges.remembered import Remembered


def test_who_asks_for_the_same_at_once_gets_one_result_between_them() -> None:
    known: Remembered[int] = Remembered(8, lambda found: found >= 0)
    made: list[int] = []
    asked = threading.Event()

    def make() -> int:
        assert asked.wait(10.0)
        made.append(1)
        return -7

    def ask(number: int) -> int:
        if number == 9:
            asked.set()
        return known.of("key", make)

    with ThreadPoolExecutor(10) as threads:
        found = list(threads.map(ask, range(10)))
    assert set(found) == {-7}
    assert len(made) + known.saved == 10


def test_what_is_not_kept_is_made_again_and_so_is_what_raised() -> None:
    known: Remembered[int] = Remembered(8, lambda found: found >= 0)
    assert [known.of("bad", lambda: -1), known.of("bad", lambda: 2), known.of("bad", lambda: 3)] == [-1, 2, 2]
    with pytest.raises(ZeroDivisionError):
        known.of("raises", lambda: 1 // 0)
    assert known.of("raises", lambda: 4) == 4


def test_the_latest_are_remembered() -> None:
    known: Remembered[str] = Remembered(2, bool)
    for key in ("a", "b", "a", "c"):
        known.of(key, lambda key=key: f"first {key}")  # type: ignore[misc]  # mypy infers no default's type
    assert known.of("a", lambda: "again") == "first a"
    assert known.of("b", lambda: "again") == "again"
