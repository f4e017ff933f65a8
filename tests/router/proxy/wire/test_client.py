"""The client's side: its body, its leaving, what it is sent."""

from __future__ import annotations

from pathlib import Path

from tests.router.proxy.fakes import (
    CHAT,
    rolling,
    says,
)


async def test_a_request_larger_than_the_limit_is_refused(tmp_path: Path) -> None:
    async with rolling(tmp_path, says("x"), max_request_bytes=100) as (router, _, _, http):
        assert (await http.post(CHAT, content=b"x" * 101)).status_code == 413
        assert router.records() == []
