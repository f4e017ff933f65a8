"""`belay keys`: a key is told once, listed by name and limits, and taken back."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from belay.cli import app
from router.proxy.keys.key_file import read_keys
from telemetry.errors import UsageError
from telemetry.hashed_secrets import hashed


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["keys", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_key_is_told_once_and_listed_without_it(folder: Path) -> None:
    secret = run(
        "new", "shop", "--requests", "600", "--tokens", "100000", "--at-once", "32", "--route", "sql"
    ).strip()
    (key,) = read_keys(folder / "keys.yaml").keys
    assert (key.sha256, key.routes) == (hashed(secret), ("sql",))
    assert (key.requests_per_minute, key.tokens_per_minute, key.at_once) == (600, 100_000, 32)
    listed = run("list")
    assert ("shop" in listed, "100,000" in listed, "sql" in listed) == (True, True, True)
    assert secret not in listed + (folder / "keys.yaml").read_text()


def test_a_key_that_is_taken_back_is_listed_no_more() -> None:
    run("new", "shop")
    run("revoke", "shop")
    assert "shop" not in run("list")
    with pytest.raises(UsageError, match="has no key of 'shop'"):
        run("revoke", "shop")


def test_keys_lie_where_the_project_says(folder: Path) -> None:
    (folder / "belay.yaml").write_text(
        "route: r\nbase: b\nbrief: b.yaml\nrouter: {keys_file: secrets/keys.yaml}\n", encoding="utf-8"
    )
    run("new", "shop")
    assert [key.name for key in read_keys(folder / "secrets" / "keys.yaml").keys] == ["shop"]
