"""What the endurance benchmark makes of the drill that measures latencies."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from _endurance.latency import latencies
from _shape import Result


def drilled(monkeypatch: pytest.MonkeyPatch, told: dict[str, Any] | None) -> tuple[Result, list[str]]:
    """The result of a drill that leaves `told`, and what it was asked."""
    asked: list[str] = []

    def run(words: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        asked.extend(words)
        if told is not None:
            Path(words[words.index("--results") + 1]).write_text(json.dumps(told) + "\n", encoding="utf-8")
        return subprocess.CompletedProcess(words, 1, "", "no broker")

    monkeypatch.setattr(subprocess, "run", run)
    result = Result("endurance", quick=False, seed=7)
    latencies(result, 4)
    return result, asked


def test_figures_come_from_the_drill_with_its_notes_and_the_load(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = {"decision_to_router_p99_ms": 42.0, "score_to_router_p99_ms": 1_200.0}
    result, asked = drilled(
        monkeypatch,
        {"figures": figures, "notes": ["decision_to_router: a", "score_to_router: b"], "wrong": []},
    )
    assert asked[asked.index("--routers") + 1] == "4"
    assert [(f.name, f.value, f.holds) for f in result.figures] == [
        ("decision_to_router_p99_ms", 42.0, True), ("score_to_router_p99_ms", 1_200.0, False)
    ]  # fmt: skip
    assert [f.note.split("; load ")[0] for f in result.figures] == [
        "decision_to_router: a",
        "score_to_router: b",
    ]


@pytest.mark.parametrize(
    ("told", "why"),
    [({"figures": {}, "notes": [], "wrong": ["seen by nobody"]}, "seen by nobody"), (None, "no broker")],
)
def test_what_the_drill_could_not_measure_is_missing_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, told: dict[str, Any] | None, why: str
) -> None:
    result, _ = drilled(monkeypatch, told)
    assert (result.figures, {m["reason"] for m in result.missing}) == ([], {why})
