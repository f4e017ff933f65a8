"""The desk where changes are asked for over HTTP: each is made once, and what came of it is told.

1. who asks must be allowed to (`router.control.access`);
2. a key that was answered before gets that answer again (`router.control.answers`);
3. control makes the change, or refuses it (`router.control.actor`);
4. the answer is kept under its key.

What is refused goes into the audit log here; what is changed goes there from control itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from router.control.access import CALLER, Caller, NotAllowed, NotSignedIn, require
from router.control.actor import Control, NotThere, UnknownRollout
from router.control.answers import Answered, Answers, KeyReused, fingerprint
from router.control.audit_log import AuditLog
from router.control.spec_checks import SpecRefused
from telemetry.errors import BelayError, TransitionRefused, UsageError
from telemetry.events import DEFAULT_ROUTE, RolloutChanged, Value
from telemetry.log_fields import about

_STATUS: Final[tuple[tuple[type[BelayError], int], ...]] = (
    (NotSignedIn, 401),
    (NotAllowed, 403),
    (NotThere, 404),
    (SpecRefused, 422),
    (KeyReused, 422),
    (TransitionRefused, 409),
    (UsageError, 422),
)


class Asked(NamedTuple):
    """A change that somebody asks for: `what` is done with the rollout, `body` is the request as canonical JSON.

    `actor` is who signed in; who they say they are where nobody does. `needs` is what they have to be allowed to do.
    `route` is where a rollout is to start.
    """

    caller: Caller
    what: str
    rollout_id: str
    actor: str
    body: str
    key: str | None = None
    needs: str | None = None
    route: str = DEFAULT_ROUTE


class Desk:
    """Takes what is asked for and answers it; safe to use from several threads."""

    def __init__(
        self, control: Control, answers: Answers | None = None, audit: AuditLog | None = None
    ) -> None:
        self._control, self._audit = control, audit
        self._answers = answers or Answers()
        self._free = threading.Condition()
        self._busy: set[str] = set()

    def serve(self, asked: Asked, do: Callable[[], Value], status: int = 200) -> Answered:
        """Have it done once, and say how it went. Raises nothing that a caller could mend."""
        answered = self._served(asked, do, status)
        if self._audit is not None and "error" in answered.content:
            why = str(answered.content["error"])
            self._audit.refused(asked.caller, asked.what, why, asked.rollout_id, asked.actor)
        return answered

    def _served(self, asked: Asked, do: Callable[[], Value], status: int) -> Answered:
        try:
            require(asked.caller, asked.needs or asked.what)
        except NotAllowed as refused:
            return refusal(refused)
        if asked.key is None:
            return self._done(asked, do, status)
        return self._once(asked, asked.key, do, status)

    def _once(self, asked: Asked, key: str, do: Callable[[], Value], status: int) -> Answered:
        """Only who asks with the same key waits: a grade that the broker keeps waiting delays no rollback."""
        request = fingerprint(asked.what, asked.rollout_id, asked.actor, asked.body)
        with self._free:
            self._free.wait_for(lambda: key not in self._busy)
            try:
                before = self._answers.given(key, request)
            except KeyReused as reused:
                return refusal(reused)
            if before is not None:
                return before
            self._busy.add(key)
        answered = None
        try:
            answered = self._done(asked, do, status)
        finally:
            with self._free:
                self._busy.discard(key)
                self._free.notify_all()
                if answered is not None and answered.status < 500:  # what failed may succeed when asked again
                    self._answers.keep(key, request, answered)
        return answered

    def _done(self, asked: Asked, do: Callable[[], Value], status: int) -> Answered:
        serving = CALLER.set(asked.caller)
        try:
            with about(rollout_id=asked.rollout_id or None):
                return Answered(status, do().model_dump(mode="json"))
        except TransitionRefused as refused:
            return refusal(refused, self._standing(asked))
        except BelayError as error:
            return refusal(error)
        finally:
            CALLER.reset(serving)

    def _standing(self, asked: Asked) -> RolloutChanged | None:
        """The state that stood in the way: that of the rollout, or of the one that is on its route."""
        try:
            return self._control.rollout(asked.rollout_id)
        except UnknownRollout:
            return self._control.current(asked.route)


def refusal(error: BelayError, standing: RolloutChanged | None = None) -> Answered:
    """How an error is told over HTTP. `standing` is what another did, where that is why."""
    status = next((code for kind, code in _STATUS if isinstance(error, kind)), 503)
    content: dict[str, Any] = {"error": error.message, "hint": error.hint}
    if status == 409 and standing is not None:
        told = {"status", "stage", "share", "revision", "actor", "reason", "since"}
        content["current"] = {
            "rollout_id": standing.spec.rollout_id, **standing.model_dump(mode="json", include=told)
        }  # fmt: skip
    return Answered(status, content)
