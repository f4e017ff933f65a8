"""The board over HTTP: what is read, what is refused, and that the page holds all that it needs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from router.control.actor import Control
from router.control.api import create_app
from router.control.board.board import Board
from router.control.gate import Gate
from router.control.settings import AccessSettings
from router.control.tokens import hashed
from telemetry.bus.memory_bus import MemoryBus
from telemetry.events import LogPlace, Weighed
from tests.places import ROOT
from tests.router.control.board.test_texts import interaction, logged, shadow
from tests.router.control.board.values import report
from tests.router.values import decision, spec

PAGE = ROOT / "router" / "control" / "board" / "page"
MOST_BYTES = 1_500_000


@pytest.fixture
def bus() -> MemoryBus:
    made = MemoryBus()
    made.ensure_topics()
    return made


@pytest.fixture
def board(control: Control, bus: MemoryBus) -> Board:
    return Board(control, bus)


@pytest.fixture
def http(control: Control, board: Board) -> Iterator[TestClient]:
    with TestClient(create_app(control, board=board)) as client:
        yield client


def test_what_control_knows_is_told_without_any_broker(http: TestClient, control: Control) -> None:
    assert http.get("/api/overview").json()["rollouts"] == []
    control.start(spec())
    (line,) = http.get("/api/overview").json()["rollouts"]
    assert (line["rollout_id"], line["share"]) == ("r1", 0.05)
    assert http.get("/api/rollouts/r1").json()["line"] == line
    assert http.get("/api/me").json()["role"] == "admin"


def test_what_is_not_there_is_a_404_that_says_so(http: TestClient, control: Control) -> None:
    control.start(spec())
    for path, told in (
        ("rollouts/absent", "no rollout 'absent'"),
        ("rollouts/r1/decisions/absent", "not among the last ones"),
        ("rollouts/r1/interactions/absent", "not among those"),
    ):
        answer = http.get(f"/api/{path}")
        assert (answer.status_code, told in answer.json()["error"]) == (404, True)
    assert http.get("/page/../api.py").status_code == 404
    assert http.get("/page/absent.js").status_code == 404


def test_a_decision_is_told_with_its_words_and_its_replay(http: TestClient, board: Board) -> None:
    made = decision()
    board.view.take(made)
    found = http.get(f"/api/rollouts/r1/decisions/{made.event_id}").json()
    assert (found["replay"], len(found["words"]) > 2) == (f"belay replay {made.event_id}", True)


def test_only_what_weighed_most_can_be_read_and_both_arms_stand_side_by_side(
    http: TestClient, board: Board, bus: MemoryBus
) -> None:
    *_, place = logged(bus, interaction(0, drawn=True), shadow(0))
    board.view.take(report(heaviest=(heavy("i0", place), heavy("i1", None))))
    found = http.get("/api/rollouts/r1/interactions/i0").json()
    assert (found["control"]["text"], found["candidate"]["text"]) == ("base's", "the candidate's")
    assert (found["control_value"], found["candidate_value"]) == (1.0, 0.0)
    assert http.get("/api/rollouts/r1/interactions/i1").status_code == 404


def heavy(interaction_id: str, place: LogPlace | None) -> Weighed:
    return Weighed(
        interaction_id=interaction_id,
        factor=1.5,
        capability="support",
        arm="control",
        value=1.0,
        other_value=0.0,
        logged=place,
    )


def test_with_tokens_the_page_is_open_and_what_it_shows_is_not(control: Control, tmp_path: Path) -> None:
    file = tmp_path / "tokens.yaml"
    file.write_text(f"tokens: [{{name: vic, role: viewer, sha256: {hashed('belay_secret')}}}]\n")
    gate = Gate(AccessSettings(tokens=file))
    with TestClient(gate.before(create_app(control))) as http:
        assert http.get("/").status_code == 200
        assert http.get("/page/main.js").status_code == 200
        assert http.get("/api/overview").status_code == 401
        assert http.get("/api/stream").status_code == 401
        signed_in = {"authorization": "Bearer belay_secret"}
        assert http.get("/api/me", headers=signed_in).json() == {"name": "vic", "role": "viewer", "may": []}


# --- the page's files --------------------------------------------------------------------------------


class Named(HTMLParser):
    """Every address in a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.found += [value for name, value in attrs if name in ("src", "href") and value]


def test_the_page_holds_all_that_it_needs_and_may_load_nothing_else(http: TestClient) -> None:
    index = http.get("/")
    page = Named()
    page.feed(index.text)
    wanted = set(page.found)
    for file in PAGE.glob("*.js"):
        imported = re.findall(r'from "\./([^"]+)"', file.read_text())
        wanted |= {f"page/{name}" for name in [*imported, file.name]}
    assert {path for path in wanted if http.get(path).status_code != 200} == set()
    policy = index.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert not re.search(r"https?:", policy)


def test_the_page_is_small(http: TestClient) -> None:
    files = [file for file in PAGE.rglob("*") if file.is_file() and file.suffix != ".txt"]
    assert sum(file.stat().st_size for file in files) < MOST_BYTES
    first = http.get("/page/main.js")
    again = http.get("/page/main.js", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
