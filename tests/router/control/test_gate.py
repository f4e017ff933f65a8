"""Who gets in at control's gate, as whom, and who does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from router.control.access import Role
from router.control.actor import Control
from router.control.api import create_app
from router.control.gate import Gate, check_address
from router.control.settings import AccessSettings
from router.control.tokens import add_token
from telemetry.errors import SettingsError
from telemetry.events import AuditRef
from tests.router.values import spec

WHY = {"reason": "by hand"}
SPEC = spec().model_dump(mode="json")


def client(control: Control, access: AccessSettings | None = None, **named: Any) -> TestClient:
    named.setdefault("base_url", "http://127.0.0.1:8090")
    return TestClient(Gate(access).before(create_app(control)), **named)


@pytest.fixture
def tokens(tmp_path: Path) -> dict[str, dict[str, str]]:
    """Headers that sign in as somebody of each role."""
    file = tmp_path / "tokens.yaml"
    roles: tuple[Role, ...] = ("viewer", "operator", "admin")
    return {role: {"authorization": f"Bearer {add_token(file, f'the-{role}', role)}"} for role in roles}


@pytest.fixture
def guarded(control: Control, tmp_path: Path, tokens: dict[str, dict[str, str]]) -> TestClient:
    assert tokens
    return client(control, AccessSettings(tokens=tmp_path / "tokens.yaml"))


def test_signs_of_life_and_the_page_need_no_name_and_all_else_does(guarded: TestClient) -> None:
    for path in ("/healthz", "/livez", "/"):
        assert guarded.get(path).status_code == 200
    for path in ("/rollouts", "/rollouts/current", "/openapi.json", "/api/overview"):
        answer = guarded.get(path)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert guarded.post("/rollouts", json=SPEC).status_code == 401
    wrong = guarded.get("/rollouts", headers={"authorization": "Bearer belay_guess"})
    assert (wrong.status_code, wrong.json()["error"]) == (401, "this token is not known")


def test_a_token_may_be_the_password_of_an_address(
    guarded: TestClient, tokens: dict[str, dict[str, str]]
) -> None:
    secret = tokens["viewer"]["authorization"].partition(" ")[2]
    assert guarded.get("/rollouts", auth=("flagger", secret)).status_code == 200
    for wrong in ("belay_guess", ""):
        assert guarded.get("/rollouts", auth=("flagger", wrong)).status_code == 401
    assert guarded.get("/rollouts", headers={"authorization": "Basic ?"}).status_code == 401


def test_each_role_may_do_what_it_may_and_the_actor_is_who_signed_in(
    guarded: TestClient, tokens: dict[str, dict[str, str]]
) -> None:
    word = WHY | {"actor": "somebody else"}
    assert guarded.post("/rollouts", json=SPEC, headers=tokens["viewer"]).status_code == 403
    assert guarded.post("/rollouts", json=SPEC, headers=tokens["operator"]).json()["actor"] == "the-operator"
    assert guarded.get("/rollouts/current", headers=tokens["viewer"]).status_code == 200
    refused = guarded.post("/rollouts/r1/rollback", json=word, headers=tokens["viewer"])
    assert (refused.status_code, refused.json()["error"]) == (
        403,
        "the-viewer is viewer, and rollback needs operator",
    )
    assert guarded.post("/rollouts/r1/close", json=word, headers=tokens["operator"]).status_code == 403
    assert guarded.post("/rollouts/r1/close", json=word, headers=tokens["admin"]).status_code == 409
    done = guarded.post("/rollouts/r1/rollback", json=word, headers=tokens["operator"])
    assert (done.status_code, done.json()["actor"]) == (200, "the-operator")


def test_only_an_admin_starts_what_did_not_pass_its_audit(
    guarded: TestClient, tokens: dict[str, dict[str, str]]
) -> None:
    audit = AuditRef(verdict="fail", sha256="e", override_by="ada", override_reason="urgent")
    body = spec(audit=audit).model_dump(mode="json")
    assert guarded.post("/rollouts", json=body, headers=tokens["operator"]).status_code == 403
    assert guarded.post("/rollouts", json=body, headers=tokens["admin"]).status_code == 201


def test_without_settings_everybody_on_this_machine_may_act_and_says_who_they_are(control: Control) -> None:
    http = client(control)
    assert http.post("/rollouts", json=SPEC).status_code == 201
    unnamed = http.post("/rollouts/r1/promote", json=WHY)
    assert (unnamed.status_code, "has to say who asks" in unnamed.json()["error"]) == (422, True)
    assert http.post("/rollouts/r1/promote", json=WHY | {"actor": "ada"}).json()["actor"] == "ada"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"host": "evil.example", "origin": "http://evil.example"},
        {"host": "evil.example"},
    ],
)
def test_a_change_that_another_sites_page_asks_for_is_refused(
    control: Control, headers: dict[str, str]
) -> None:
    answer = client(control).post("/rollouts", json=SPEC, headers=headers)
    assert answer.status_code == 403
    assert control.current() is None


def test_a_page_of_controls_own_may_ask(control: Control) -> None:
    own = {"origin": "http://127.0.0.1:8090", "sec-fetch-site": "same-origin"}
    assert client(control).post("/rollouts", json=SPEC, headers=own).status_code == 201


def test_a_signed_in_browser_of_another_site_is_refused_too(
    guarded: TestClient, tokens: dict[str, dict[str, str]]
) -> None:
    headers = tokens["admin"] | {"origin": "https://evil.example"}
    assert guarded.post("/rollouts", json=SPEC, headers=headers).status_code == 403


PROXY = {
    "header": "x-user",
    "from": ["10.0.0.0/8"],
    "role_header": "x-groups",
    "roles": {"operator": ["sre"]},
}


@pytest.mark.parametrize(
    ("groups", "status"), [("dev,sre", 201), ("admin", 201), ("dev", 403), ("operator", 403), (None, 403)]
)
def test_a_trusted_proxy_says_who_asks_and_what_they_may(
    control: Control, groups: str | None, status: int
) -> None:
    access = AccessSettings.model_validate({"trusted_proxy": PROXY})
    http = client(control, access, client=("10.1.2.3", 5), base_url="http://belay.example")
    headers = {"x-user": "ada@example.com"} | ({"x-groups": groups} if groups is not None else {})
    answer = http.post("/rollouts", json=SPEC, headers=headers)
    assert answer.status_code == status
    if status == 201:
        assert answer.json()["actor"] == "ada@example.com"
    assert http.get("/rollouts").status_code == 401


def test_the_proxys_headers_count_for_nothing_from_elsewhere(control: Control) -> None:
    access = AccessSettings.model_validate({"trusted_proxy": PROXY})
    http = client(control, access, client=("192.168.0.7", 5))
    answer = http.get("/rollouts", headers={"x-user": "ada", "x-groups": "admin"})
    assert answer.status_code == 401


def test_no_other_address_without_signing_in(tmp_path: Path) -> None:
    for host in ("127.0.0.1", "::1", "localhost", "127.0.0.2"):
        check_address(host, None)
    for host in ("0.0.0.0", "::", "10.0.0.5", "belay.internal"):
        with pytest.raises(SettingsError, match="asks nobody who they are"):
            check_address(host, AccessSettings())
        check_address(host, AccessSettings(tokens=tmp_path / "t"))
