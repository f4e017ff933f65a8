"""What came of drills, a line each in a file, so that a run of hours may be ended and gone on with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.drills.account import Account
from tests.drills.scenario import Outcome


def read(file: Path) -> list[Outcome]:
    """The outcomes in a file, the oldest first; none where it is not there."""
    if not file.exists():
        return []
    return [_outcome(json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]


def add(file: Path, outcome: Outcome) -> None:
    """Write one more."""
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(asdict(outcome)) + "\n")


def held(outcomes: Sequence[Outcome]) -> set[str]:
    """The names of those that were run and held: they need not be run again. Pure."""
    return {one.scenario for one in outcomes if not one.wrong and not one.skipped}


def latest(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The last outcome of each scenario, in the order in which they were run first. Pure."""
    return list({one.scenario: one for one in outcomes}.values())


def _outcome(told: dict[str, Any]) -> Outcome:
    account = told["account"]
    texts = {name: tuple(told[name]) for name in ("wrong", "notes")}
    return Outcome(**(told | texts | {"account": Account(**account) if account is not None else None}))
