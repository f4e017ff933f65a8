"""What the doctor finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: `wrong` keeps the route from running, a `note` does not.

    `exit_code` is what a command would end with for it: 2 where a person has to change something, 4 where something
    is away.
    """

    what: str
    state: State
    told: str
    do: str = ""
    exit_code: int = 0
