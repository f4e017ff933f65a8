"""Audits and trainings over HTTP, and who may open their pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from router.control.actor import Control
from router.control.api import create_app
from router.control.board.board import Board
from router.control.gate import Gate
from router.control.settings import AccessSettings
from router.control.tokens import hashed
from tests.router.control.board.reports.values import audited, trained


@pytest.fixture
def http(control: Control, tmp_path: Path) -> Iterator[TestClient]:
    home = tmp_path / "home"
    trained(home, "support-2")
    audited(home, "support-2")
    (home / "secret").mkdir()
    (home / "secret" / "report.html").write_text("not for anybody")
    file = tmp_path / "tokens.yaml"
    lines = (
        f"{{name: {name}, role: {role}, sha256: {hashed(name)}}}"
        for name, role in (("vic", "viewer"), ("ann", "operator"))
    )
    file.write_text(f"tokens: [{', '.join(lines)}]\n")
    board = Board(control, models=home / "models")
    with TestClient(Gate(AccessSettings(tokens=file)).before(create_app(control, board=board))) as client:
        yield client


def told(http: TestClient, kind: str, who: str) -> dict[str, str | None]:
    (one,) = http.get(f"/api/{kind}", headers={"authorization": f"Bearer {who}"}).json()["found"]
    return {"name": one["name"], "page": one["page"]}


@pytest.mark.parametrize("kind", ["audits", "trainings"])
def test_a_viewer_sees_the_figures_and_an_operator_the_pages_too(http: TestClient, kind: str) -> None:
    assert http.get(f"/api/{kind}").status_code == 401
    assert told(http, kind, "vic") == {"name": "support-2", "page": None}
    page = told(http, kind, "ann")["page"]
    assert page is not None
    answer = http.get(page)
    assert (answer.status_code, "<!doctype html>" in answer.text.lower()) == (200, True)
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")


def test_no_other_file_is_reached_by_an_address_of_a_report(http: TestClient, control: Control) -> None:
    page = told(http, "audits", "ann")["page"]
    assert page is not None
    _, kind, _, lapses, key = page.split("/")
    for name in ("support-3", "..%2Fsecret", "%2e%2e", "."):
        assert http.get(f"/report/{kind}/{name}/{lapses}/{key}").status_code in (403, 404)
    board = Board(control, models=Path("/nowhere/models"))
    assert board.shelf.page("audits", "../secret") is None
    assert board.shelf.page("models", "support-2") is None


def test_a_page_that_is_gone_is_a_404_and_control_without_models_has_none(
    http: TestClient, control: Control, tmp_path: Path
) -> None:
    page = told(http, "trainings", "ann")["page"]
    (tmp_path / "home" / "models" / "support-2" / "training.html").unlink()
    assert http.get(str(page)).status_code == 404
    assert told(http, "trainings", "ann")["page"] is None
    with TestClient(create_app(control)) as alone:
        assert "no models_folder" in alone.get("/api/audits").json()["missing"]
