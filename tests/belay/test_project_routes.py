"""`routes` of belay.yaml: what each may say, and every mistake told with its place and its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from belay.project import load_project
from telemetry.errors import SettingsError

OWN = "route: shop\nbase: b\nbrief: brief.yaml\n"


def written(folder: Path, more: str) -> Path:
    file = folder / "belay.yaml"
    file.write_text(OWN + more, encoding="utf-8")
    return file


def test_an_arm_is_a_model_of_the_home_or_where_it_answers(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        """
routes:
  acme/sql:
    base: sql
    candidate: {serve: sql-lora}
    brief: sql/brief.yaml
    stages: 5%:100,20%
  acme/chat:
    base: {urls: ["http://a:1", "http://b:1"]}
    candidate: {url: "http://c:1/v1", model: chat-2, answers_as: "*", key_env: CHAT_KEY, adopted: chat-2}
""",
    )
    sql, chat = load_project(file).routes.values()
    assert sql.candidate is not None
    assert (sql.base.serve, sql.candidate.serve) == ("sql", "sql-lora")
    assert sql.brief == tmp_path / "sql" / "brief.yaml"
    assert chat.base.urls == ("http://a:1", "http://b:1")
    assert chat.candidate is not None
    assert chat.candidate.adopted == "chat-2"
    assert (chat.brief, chat.stages, chat.shadow) == (None, None, None)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (
            "routes:\n  a: {base: m}\n  b: {base: m}\n  a: {base: n}\n",
            r"line 7: the key 'a' stands there twice, first in line 5",
        ),
        (
            "routes:\n  shop: {base: m}\n",
            r"routes: 'shop' is the file's own route .* \(line 4\)",
        ),
        (
            "routes:\n  default: {base: m}\n",
            r"routes: 'default' is what routers call .* \(line 4\)",
        ),
        (
            "router: {routes: {q: {}}}\nroutes:\n  q: {base: m}\n",
            r"routes: 'q' stands in `router: routes` already.*line 5",
        ),
        (
            "routes:\n  q:\n    candidate: m\n",
            r"routes\.q\.base: required, but it is not there \(line 5\)",
        ),
        (
            "routes:\n  q:\n    base: {serve: m, urls: ['http://a:1']}\n",
            r"routes\.q\.base: expected either a model to serve .* found serve and urls \(line 6\)",
        ),
        (
            "routes:\n  q:\n    base: {url: 'http://b:1', urls: ['http://a:1']}\n",
            r"found url and urls \(line 6\)",
        ),
        (
            "routes:\n  q:\n    base: {}\n",
            r"routes\.q\.base: .* found none of them \(line 6\)",
        ),
        (
            "routes:\n  q:\n    base: {serve: m, model: n}\n",
            r"routes\.q\.base: model goes with url or urls.*line 6",
        ),
        (
            "routes:\n  q:\n    base: {urls: ['http://a:1', 'http://a:1']}\n",
            r"a replica twice.*line 6",
        ),
        (
            "routes:\n  q:\n    base: {url: 'a:1'}\n",
            r"routes\.q\.base: expected an address like .* found 'a:1' \(line 6\)",
        ),
        (
            "routes:\n  q:\n    bse: m\n",
            r"routes\.q\.bse: unknown key; did you mean 'base'\? \(line 6\)",
        ),
        (
            "routes:\n  a b: {base: m}\n",
            r"routes\.a b.*line 5",
        ),
        (
            "routes:\n  q:\n    base: {url: 'http://localhost:8100/v1'}\n",
            r"'q': its base is at http://localhost:8100/v1, where router of this file listens \(line 4\)",
        ),
        (
            "ports:\n  router: 8090\n",
            r"ports: router and control are both 8090, expected a port each \(line 4\)",
        ),
        (
            "ports: {metrics: 8099}\n",
            r"ports: router and worker's metrics are both 8100",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place_and_its_line(more: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=told):
        load_project(written(tmp_path, more))
