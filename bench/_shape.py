"""The one shape of a benchmark's result: one JSON object on standard output, or a table for people."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure. `bar` is the goal for `value`; ours and theirs are the raw measurements behind it."""

    name: str
    value: float
    unit: str
    ours: float | None
    theirs: float | None
    bar: float | None
    better: Literal["lower", "higher"]
    note: str

    @property
    def holds(self) -> bool | None:
        """Whether the goal is reached; None where there is none."""
        if self.bar is None:
            return None
        return self.value <= self.bar if self.better == "lower" else self.value >= self.bar


@dataclass(slots=True)
class Result:
    """What a benchmark measured, and what it could not measure and why."""

    bench: str
    quick: bool
    seed: int
    figures: list[Figure] = field(default_factory=list)
    missing: list[dict[str, str]] = field(default_factory=list)

    def add(self, figure: Figure) -> None:
        """Keep a figure and tell it on standard error."""
        self.figures.append(figure)
        say(f"{figure.name}: {figure.value:.4g} {figure.unit} (goal {figure.bar}, theirs {figure.theirs})")

    def miss(self, name: str, reason: str) -> None:
        """Name a figure that could not be measured."""
        self.missing.append({"name": name, "reason": reason})

    def to_dict(self) -> dict[str, Any]:
        """The JSON object that every benchmark prints."""
        return {
            "bench": self.bench,
            "quick": self.quick,
            "seed": self.seed,
            "machine": machine(),
            "figures": [
                {k: _short(v) for k, v in asdict(f).items() if k != "note"}
                | {"holds": f.holds, "note": f.note}
                for f in self.figures
            ],
            "missing": self.missing,
        }


def arguments(
    description: str, seed: int = 7, more: Callable[[argparse.ArgumentParser], None] | None = None
) -> argparse.Namespace:
    """The options that every benchmark has: --quick, --json, --seed. `more` adds those of one benchmark."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="a smaller run, under a minute")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--seed", type=int, default=seed)
    if more is not None:
        more(parser)
    return parser.parse_args()


def finish(result: Result, *, as_json: bool) -> None:
    """Print the result."""
    print(json.dumps(result.to_dict()) if as_json else table(result))


def table(result: Result) -> str:
    """The result as a Markdown table, as bench/README.md keeps it."""
    lines = ["| figure | value | goal | holds | theirs | note |", "|---|---|---|---|---|---|"]
    for f in result.figures:
        goal = "" if f.bar is None else f"{'<=' if f.better == 'lower' else '>='} {f.bar:g}"
        theirs = "" if f.theirs is None else f"{f.theirs:.4g}"
        holds = {True: "yes", False: "no", None: ""}[f.holds]
        lines.append(f"| {f.name} | {f.value:.4g} {f.unit} | {goal} | {holds} | {theirs} | {f.note} |")
    lines += [f"| {m['name']} | missing |  |  |  | {m['reason']} |" for m in result.missing]
    return "\n".join(lines)


def machine() -> dict[str, Any]:
    """The machine that measured."""
    return {"cpu": _cpu(), "cores": os.cpu_count(), "python": platform.python_version()}


def say(text: str) -> None:
    """Progress, on standard error."""
    print(text, file=sys.stderr, flush=True)


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _short(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else value
