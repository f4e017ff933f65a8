"""Who may do what: three roles, each of which may what the one before it may. Pure.

A viewer looks; an operator starts, promotes, pauses, resumes, rolls back, grades, and reads the texts of any
interaction (a viewer those that weighed most in the evidence); an admin also closes a rollout, which nothing undoes,
and starts one whose audit did not pass.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final, Literal, NamedTuple, get_args

from telemetry.errors import UsageError

Role = Literal["viewer", "operator", "admin"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)

NEEDED: Final[dict[str, Role]] = {
    "start": "operator",
    "promote": "operator",
    "pause": "operator",
    "resume": "operator",
    "rollback": "operator",
    "history": "operator",
    "grade": "operator",
    "texts": "operator",
    "close": "admin",
    "override": "admin",
}


class Caller(NamedTuple):
    """Who asks: their name (empty where nobody is asked), their role, and where the request came from."""

    name: str
    role: Role
    origin: str


CALLER: Final[ContextVar[Caller | None]] = ContextVar("caller", default=None)
"""Whom this thread serves, None where nobody: the machine acts by itself."""


class NotSignedIn(UsageError):
    """Nobody knows who asks: no token, one that is not known, or one that has expired."""


class NotAllowed(UsageError):
    """Who asks may not do this, or asks it from another site's page."""


def may(role: Role, needed: Role) -> bool:
    """Whether this role includes the other."""
    return ROLES.index(role) >= ROLES.index(needed)


def require(caller: Caller, what: str) -> None:
    """Raise NotAllowed where the caller's role does not include what `what` needs."""
    needed = NEEDED[what]
    if not may(caller.role, needed):
        raise NotAllowed(
            f"{caller.name or 'whoever asks'} is {caller.role}, and {what} needs {needed}",
            hint=f"Ask somebody who is {needed}.",
        )
