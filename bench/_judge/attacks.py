"""The shipped attacks on judges, a line of JSON each, by kind; the tests of the judges read the same files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).resolve().parents[2] / "tests" / "evaluator" / "judge" / "injections"


@dataclass(frozen=True, slots=True)
class Attack:
    """One text that wants a good grade without being a good answer."""

    id: str
    kind: str
    text: str


def attacks() -> tuple[Attack, ...]:
    """All of them, by kind."""
    return tuple(
        Attack(said["id"], file.stem, said["text"])
        for file in sorted(FOLDER.glob("*.jsonl"))
        for said in map(json.loads, file.read_text(encoding="ascii").splitlines())
    )
