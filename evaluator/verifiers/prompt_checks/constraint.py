"""What a prompt asks for that a program can check, and what an answer's check came to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Finding(NamedTuple):
    """How far an answer does what was asked, in [0, 1], and in words."""

    score: float
    why: str


@dataclass(frozen=True, slots=True)
class Constraint:
    """One thing that a prompt asks for.

    `arguments` are what was read, as (name, value) pairs. `decides` is whether an answer that passes `check` is thereby
    right: an arithmetic result does, a length is only necessary. It follows from the prompt alone.
    """

    kind: str
    arguments: tuple[tuple[str, Any], ...]
    decides: bool
    check: Callable[[str], Finding] = field(compare=False, repr=False)

    def get(self, name: str) -> Any:
        """The argument of that name; None where there is none."""
        return dict(self.arguments).get(name)


def necessary(kind: str, check: Callable[[str], Finding], **arguments: Any) -> Constraint:
    """A constraint that a right answer meets and a wrong one may meet too."""
    return Constraint(kind, tuple(arguments.items()), decides=False, check=check)


def holds(ok: bool, why: str) -> Finding:
    """1 where `ok`, else 0."""
    return Finding(1.0 if ok else 0.0, why)
