"""Whether the engines of every route serve the models of its arms, as those are asked who should know."""

from __future__ import annotations

from collections.abc import Iterator

from belay.launcher.routes import Route
from serving.engines.arms import Endpoint
from serving.engines.who_answers import Found, attest_arms
from serving.models.store import StoredModel

Arms = tuple[Endpoint, Endpoint]


def asked(route: Route) -> Iterator[tuple[str, Found]]:
    """What became of asking each replica of each arm, with the route's name; of arms whose model is known alone.

    Raises AttestationError where a reference was changed.
    """
    for name, base, candidate, arms in _routes(route):
        for found in attest_arms(base, candidate or base, arms, name):
            if found.arm == "control" or candidate is not None:
                yield name, found


def endpoints(route: Route) -> list[Endpoint]:
    """Where all arms answer that would be asked."""
    return [endpoint for *_, arms in _routes(route) for endpoint in arms]


def _routes(route: Route) -> Iterator[tuple[str, StoredModel, StoredModel | None, Arms]]:
    own = route.endpoint("control"), route.endpoint("candidate")
    yield route.project.route, route.base, route.candidate, own
    found = route.endpoints()
    for other in route.others:
        if other.base.model is not None:
            candidate = other.candidate.model if other.candidate is not None else None
            yield other.name, other.base.model, candidate, found[other.name]
