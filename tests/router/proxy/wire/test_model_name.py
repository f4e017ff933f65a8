"""The engine's name for the model: it gets its own, and the client never sees it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from router.proxy.wire.model_name import Renamer, rename_request
from telemetry.forwarding.interactions import to_interaction
from tests.router.proxy.fakes import (
    BODY,
    CHAT,
    STREAM,
    rolling,
    says,
)


@pytest.mark.parametrize("body", [BODY, STREAM], ids=["whole", "stream"])
async def test_the_engines_name_for_the_model_never_reaches_the_client(
    tmp_path: Path, body: dict[str, Any]
) -> None:
    adapter = says("hi", model="adapter")
    async with rolling(tmp_path, adapter, candidate_model="adapter", ask_usage=False) as (
        router,
        _,
        engine,
        http,
    ):
        answer = await http.post(CHAT, json=body)
        assert engine.asked[0].json() == body | {"model": "adapter"}
        assert b"adapter" not in answer.content
        assert b'"model":"m"' in answer.content
        (record,) = router.records()
        assert json.loads(record.request_body) == body
        assert record.response_body == answer.content
        assert to_interaction(record, "full").answer.text == "hi"


def test_text_that_looks_like_the_name_is_left_alone() -> None:
    body = json.dumps({"model": "adapter", "text": '"model":"adapter"'}).encode()
    assert json.loads(Renamer("adapter", "m").whole(body)) == {"model": "m", "text": '"model":"adapter"'}


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b'{"model": 3}', b"\xff"])
def test_a_body_without_a_model_is_left_to_the_engine(body: bytes) -> None:
    assert rename_request(body, "adapter") == (body, None)


@pytest.mark.parametrize("escaped", [True, False])
def test_a_name_beyond_ascii_is_found_however_the_engine_writes_it(escaped: bool) -> None:
    body = json.dumps({"model": "modèle/é", "text": "x"}, ensure_ascii=escaped).encode()
    assert json.loads(Renamer("modèle/é", "m").whole(body)) == {"model": "m", "text": "x"}


def test_a_request_is_renamed_or_left_alone_however_deep_it_is_nested() -> None:
    for depth in (*range(1, 1_001), 100_000):
        body = b'{"model":"m","x":%b%b}' % (b"[" * depth, b"]" * depth)
        sent, alias = rename_request(body, "adapter")
        assert (sent, alias) in ((body, None), (body.replace(b'"m"', b'"adapter"'), "m"))
