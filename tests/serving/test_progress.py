from __future__ import annotations

import threading
from typing import Any

import pytest

from serving import progress


def test_ticking_starts_at_zero_never_ends_early_and_ends_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_TICK_S", 0.01)
    seen: list[tuple[int, int, str]] = []
    ticked = threading.Event()

    def report(*told: Any) -> None:
        seen.append(told)
        if len(seen) > 3:
            ticked.set()

    with progress.ticking(report, 1, "working"):
        assert ticked.wait(60)
    assert seen[0] == (0, 1, "working")
    assert {done for done, _, _ in seen[:-1]} == {0}
    assert seen[-1] == (1, 1, "working")


def test_work_that_fails_never_reports_that_it_is_done() -> None:
    seen: list[int] = []
    with pytest.raises(RuntimeError), progress.ticking(lambda done, *_: seen.append(done), 5, "working"):
        raise RuntimeError
    assert 5 not in seen
