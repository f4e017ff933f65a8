"""Settings: read, checked, and every mistake explained."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from router.control.settings import ControlSettings
from router.proxy.settings import RouterSettings
from telemetry.errors import SettingsError
from telemetry.settings import load_settings

GOOD = """
control: {arm: control, url: "http://127.0.0.1:8001"}
candidate: {arm: candidate, url: "http://127.0.0.1:8002", model: adapter}
rollout_file: run/rollout.json
spool_folder: run/spool
"""


def load(tmp_path: Path, text: str) -> RouterSettings:
    file = tmp_path / "router.yaml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file, RouterSettings)


def test_a_short_file_is_enough_and_the_rest_has_defaults(tmp_path: Path) -> None:
    settings = load(tmp_path, GOOD)
    assert settings.candidate.model == "adapter"
    assert (settings.expose_headers, settings.expose_arm) == (True, False)
    assert settings.session_header == "x-session-id"


def test_settings_are_frozen(tmp_path: Path) -> None:
    settings = load(tmp_path, GOOD)
    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("session_heder: x-chat", "session_heder: unknown key; did you mean 'session_header'?"),
        ("timeouts: {totals_s: 3}", "timeouts.totals_s: unknown key; did you mean 'total_s'?"),
        ("zzz: 1", "zzz: unknown key; known are"),
        ("port: 99999", "port: Input should be less than or equal to 65535, found 99999"),
        ("session_header: 'a b'", "'a b' is not the name of an HTTP header"),
        ("timeouts: {total_s: 0}", "timeouts.total_s"),
    ],
)
def test_a_mistake_is_named_with_file_key_and_remedy(tmp_path: Path, change: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, GOOD + change)
    assert "router.yaml" in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("arm: candidate", "arm: control", "candidate.arm is 'control', expected 'candidate'"),
        (
            "http://127.0.0.1:8001",
            "http://127.0.0.1:99999",
            "expected something like 'http://127.0.0.1:8001'",
        ),
        ("http://127.0.0.1:8001", "http://[::1", "expected something like 'http://127.0.0.1:8001'"),
        ("http://127.0.0.1:8001", "127.0.0.1:8001", "expected something like 'http://127.0.0.1:8001'"),
        ("rollout_file: run/rollout.json", "", "rollout_file: required, but it is not there"),
    ],
)
def test_endpoints_and_paths_are_checked(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, GOOD.replace(old, new))
    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["- a\n- b\n", "", "a: [1"])
def test_what_is_not_a_mapping_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError):
        load(tmp_path, text)


def test_a_broker_setting_that_is_unknown_suggests_the_near_one(tmp_path: Path) -> None:
    file = tmp_path / "control.yaml"
    file.write_text("rollout_file: r.json\nfolder: .\nkafka: {sasl_usrname: x}\n", encoding="utf-8")
    with pytest.raises(
        SettingsError, match=r"kafka\.sasl_usrname: unknown key; did you mean 'sasl_username'"
    ):
        load_settings(file, ControlSettings)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no settings file at .*absent\.yaml"):
        load_settings(tmp_path / "absent.yaml", ControlSettings)


# --- routes ------------------------------------------------------------------------------------------

ROUTES = """
rollout_file: run/rollout.json
table_file: run/words.json
spool_folder: run/spool
routes:
  acme/support:
    control: {arm: control, url: "http://127.0.0.1:8001"}
    candidate: {arm: candidate, url: "http://127.0.0.1:8002"}
  sql:
    control: {arm: control, url: "http://127.0.0.1:8003"}
    candidate: {arm: candidate, url: "http://127.0.0.1:8004"}
    rollout_file: elsewhere/sql.json
"""


def test_a_route_without_files_of_its_own_has_them_beside_the_routers(tmp_path: Path) -> None:
    routes = load(tmp_path, ROUTES).each_route()
    assert {name: str(arms.rollout_file) for name, arms in routes.items()} == {
        "acme/support": "run/rollout.acme%2Fsupport.json",
        "sql": "elsewhere/sql.json",
    }
    assert {str(arms.table_file) for arms in routes.values()} == {"run/words.json"}


def test_the_short_form_is_the_default_route_and_may_stand_beside_others(tmp_path: Path) -> None:
    short = 'control: {arm: control, url: "http://a"}\ncandidate: {arm: candidate, url: "http://b"}\n'
    assert list(load(tmp_path, short + ROUTES).each_route()) == ["default", "acme/support", "sql"]
    assert list(load(tmp_path, GOOD).each_route()) == ["default"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  sql:", "  default:", "routes.default: so is the route called that takes every other name"),
        ("  sql:", "  'a b':", "routes.a b"),
        (
            "elsewhere/sql.json",
            "run/rollout.acme%2Fsupport.json",
            "'acme/support' and 'sql' both follow run/",
        ),
        ("rollout_file: run/rollout.json\n", "", "routes.acme/support.rollout_file: required"),
        ("arm: candidate", "arm: control", "candidate.arm is 'control', expected 'candidate'"),
        ("http://127.0.0.1:8003", "127.0.0.1:8003", "control.url is '127.0.0.1:8003', expected something"),
        ("routes:", 'control: {arm: control, url: "http://a"}\nroutes:', "candidate: required"),
    ],
)
def test_a_mistake_in_a_route_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, ROUTES.replace(old, new, 1))
    assert message in str(caught.value)
