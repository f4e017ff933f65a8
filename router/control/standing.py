"""What stands on each route: its rollout of now, whose state is in the route's file (`telemetry.rollout_file`)."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

from telemetry.errors import InfrastructureError, TransitionRefused, UnreadableRecord, UsageError
from telemetry.events import DEFAULT_ROUTE, RolloutChanged, RolloutSpec
from telemetry.rollout_file import file_of, files_beside, read_rollout, replaces, write_rollout

log = logging.getLogger(__name__)


class SeveralRollouts(UsageError):
    """Several routes have a rollout, and nobody said which is meant."""


class Standing:
    """The rollout of each route, as its file has it; `file` is the default route's. Whoever uses it holds a lock."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._by_route: dict[str, RolloutChanged] = {}
        # The routes of which others know more than could be written, with why.
        self._behind: dict[str, InfrastructureError] = {}

    def on(self, route: str) -> RolloutChanged | None:
        """The rollout of a route; None where it never had one."""
        return self._by_route.get(route)

    def every(self) -> tuple[RolloutChanged, ...]:
        """The rollout of every route that has one."""
        return tuple(self._by_route.values())

    def require_room(self, spec: RolloutSpec) -> None:
        """Raise TransitionRefused where another rollout on the same route still has subjects."""
        other = self.on(spec.route)
        if other is None or not other.occupies:
            return
        where = "" if spec.route == DEFAULT_ROUTE else f" on route {spec.route!r}"
        raise TransitionRefused(
            f"Start of {spec.rollout_id!r}{where} is refused: {other.spec.rollout_id!r} is {other.status} "
            f"and its candidate has {other.share:.0%} of subjects",
            hint="Roll it back first, or close it where it is promoted or its rollback window has passed: "
            "`belay rollout close`.",
        )

    def read(self) -> tuple[RolloutChanged, ...]:
        """Take on what the files say, and return it. A file that cannot be read is passed over, and said."""
        for route, file in files_beside(self._file).items():
            try:
                state = read_rollout(file)
            except (UnreadableRecord, OSError) as error:
                log.warning("starting without the rollout file: %s", error)
                continue
            if state is not None and state.spec.route == route:
                self._by_route[route] = state
            elif state is not None:
                log.warning("passing over %s: its rollout runs on route %r", file, state.spec.route)
        return self.every()

    def learn(self, states: Iterable[RolloutChanged]) -> list[RolloutChanged]:
        """Take on what others know, in the file first, and return what of it is newer.

        What cannot be written is left as it is, and makes its route one that lags behind (`require_learnt`).
        """
        self._behind.clear()
        learnt = []
        for state in states:
            route = state.spec.route
            if not replaces(state, self.on(route)):
                continue
            try:
                write_rollout(file_of(self._file, route), state)
            except InfrastructureError as error:
                self._behind[route] = error
                continue
            self._by_route[route] = state
            learnt.append(state)
        return learnt

    def require_learnt(self, route: str | None = None) -> None:
        """Raise InfrastructureError where this route, or any, lags behind what others know."""
        for each, error in self._behind.items():
            if route in (None, each):
                raise error

    def take_on(self, state: RolloutChanged) -> None:
        """Let a state stand on its route, in the file first. Raises InfrastructureError; nothing is changed then."""
        file = file_of(self._file, state.spec.route)
        if not write_rollout(file, state):
            raise InfrastructureError(
                f"{file} holds a newer state than {state.spec.rollout_id!r} at revision {state.revision}",
                hint="Another control writes it, or this machine's clock went back. Nothing was changed.",
            )
        self._by_route[state.spec.route] = state


def meant(states: Iterable[RolloutChanged], route: str | None) -> RolloutChanged | None:
    """The one of these, a route each, that is on `route`; without a route the only one that is not closed. Pure.

    Where all are closed it is the latest of them. Raises SeveralRollouts.
    """
    if route is not None:
        return next((state for state in states if state.spec.route == route), None)
    every = sorted(states, key=lambda state: state.since)
    open_ones = [state for state in every if state.status != "closed"]
    if len(open_ones) < 2:
        return next(iter(reversed(open_ones or every)), None)
    told = ", ".join(
        f"{one.spec.rollout_id!r} on route {one.spec.route!r} ({one.status})" for one in reversed(open_ones)
    )
    raise SeveralRollouts(
        f"there are {len(open_ones)} rollouts, and none was named: {told}",
        hint="Say which by its id, or by its route (`--route`, `?route=`).",
    )
