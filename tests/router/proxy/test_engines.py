"""An arm with a key of its own: it gets that key, and never the client's."""

from __future__ import annotations

import itertools
from pathlib import Path

import httpx
import pytest

from router.proxy.engines import Engines
from router.proxy.settings import RouterSettings
from router.proxy.wire.headers import with_authorization
from telemetry.errors import SettingsError
from telemetry.rollout_file import write_rollout
from tests.router.proxy.fakes import FakeEngine, running, says
from tests.router.values import with_share

BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
SECRETS = {"authorization": "Bearer the-client's", "api-key": "the-client's", "x-api-key": "the-client's"}
_NUMBERS = itertools.count()


async def asked_with(
    tmp_path: Path, share: float, path: str, **key_env: str
) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """The headers that control and candidate were asked with by a client who sends its own key."""
    folder = tmp_path / str(next(_NUMBERS))
    folder.mkdir()
    write_rollout(folder / "rollout.json", with_share(share, shadow=0.0))
    async with FakeEngine(says("base")) as control, FakeEngine(says("new")) as candidate:
        async with (
            running(folder, control.url, candidate.url, **key_env) as router,
            httpx.AsyncClient() as client,
        ):
            answer = await client.post(router.url + path, json=BODY, headers=SECRETS)
            assert answer.status_code == 200
        return [a.headers for a in control.asked], [a.headers for a in candidate.asked]


async def test_the_candidates_key_replaces_the_clients_in_every_header_that_may_hold_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANDIDATE_KEY", "sk-theirs")
    _, (headers,) = await asked_with(tmp_path, 1.0, "/v1/chat/completions", candidate_key_env="CANDIDATE_KEY")
    assert headers["authorization"] == "Bearer sk-theirs"
    assert not [name for name, value in headers.items() if "the-client" in value]


async def test_an_arm_without_a_key_gets_what_the_client_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANDIDATE_KEY", "sk-theirs")
    (headers,), _ = await asked_with(tmp_path, 0.0, "/v1/chat/completions", candidate_key_env="CANDIDATE_KEY")
    assert headers["authorization"] == SECRETS["authorization"]


async def test_what_is_only_passed_on_carries_bases_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BASE_KEY", "sk-base")
    (headers,), _ = await asked_with(tmp_path, 1.0, "/v1/embeddings", control_key_env="BASE_KEY")
    assert headers["authorization"] == "Bearer sk-base"


async def test_a_key_that_is_not_set_is_said_before_anything_listens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOBODYS_KEY", raising=False)
    settings = RouterSettings.model_validate(
        {
            "control": {"arm": "control", "url": "http://127.0.0.1:1", "key_env": "NOBODYS_KEY"},
            "candidate": {"arm": "candidate", "url": "http://127.0.0.1:1"},
            "rollout_file": tmp_path / "rollout.json",
            "spool_folder": tmp_path / "spool",
        }
    )
    with pytest.raises(SettingsError, match=r"the control arm takes its key from .* NOBODYS_KEY"):
        Engines(settings.each_route()["default"], settings.timeouts, settings.breaker)


def test_only_whole_header_names_are_taken_for_keys() -> None:
    lines = b"x-authorization: 1\r\nauthorization: 2\r\napi-keys: 3\r\nx-note: authorization: 4\r\n"
    assert with_authorization(lines, b"Bearer k") == (
        b"x-authorization: 1\r\napi-keys: 3\r\nx-note: authorization: 4\r\nauthorization: Bearer k\r\n"
    )
