"""Which rollouts `belay up --start` starts: one on each route whose candidate lies in the home."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from belay.project import Project, defaults_of_route
from belay.steps import rollout_start
from belay.steps.rollout_start import drafted
from telemetry.errors import UsageError

ROUTES: dict[str, Any] = {
    "sql": {"base": "sql", "candidate": "sql-2", "brief": "sql.yaml", "stages": "5%:10,9%", "shadow": 0.0},
    "chat": {
        "base": {"url": "http://a:1"},
        "candidate": {"url": "http://b:1", "adopted": "chat-2"},
        "advance": "manual",
    },
    "unknown": {"base": {"url": "http://a:1"}, "candidate": {"url": "http://c:1"}},
    "base alone": {"base": "sql"},
}


def project(**changes: Any) -> Project:
    routes = {name.replace(" ", "-"): route for name, route in ROUTES.items()}
    given = {"route": "shop", "base": "b", "candidate": "c", "brief": "own.yaml", "routes": routes}
    return Project.model_validate(given | changes)


@pytest.fixture
def drafts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What was asked of `draft`."""
    asked: list[tuple[Any, ...]] = []

    def draft(_: object, brief: Path, candidate: str, **said: Any) -> str:
        names = ("stages", "advance", "shadow")
        asked.append((said["route"], said["alias"], candidate, str(brief), *(said[name] for name in names)))
        return candidate

    monkeypatch.setattr(rollout_start, "draft", draft)
    return asked


def test_every_route_with_a_candidate_of_the_home_has_a_rollout_by_what_it_says_or_the_file(
    drafts: list[tuple[Any, ...]],
) -> None:
    own = project()
    assert len(drafted(own)) == 3
    assert drafts == [
        ("default", "shop", "c", "own.yaml", own.stages, "evidence", own.shadow),
        ("sql", "sql", "sql-2", "sql.yaml", "5%:10,9%", "evidence", 0.0),
        ("chat", "chat", "chat-2", "own.yaml", own.stages, "manual", own.shadow),
    ]


def test_without_any_candidate_there_is_nothing_to_start(drafts: list[tuple[Any, ...]]) -> None:
    with pytest.raises(UsageError, match="names no candidate of the home"):
        drafted(project(candidate=None, routes={"sql": {"base": "sql"}}))
    assert drafts == []


def test_a_command_that_is_about_a_route_takes_what_the_route_says_of_itself() -> None:
    assert defaults_of_route(project(), "sql") == {
        "model": "sql", "brief": Path("sql.yaml"), "stages": "5%:10,9%", "shadow": 0.0
    }  # fmt: skip
    assert defaults_of_route(project(), "base-alone") == {"model": "base-alone"}
    assert defaults_of_route(project(), "default") == defaults_of_route(project(), "shop") == {}
