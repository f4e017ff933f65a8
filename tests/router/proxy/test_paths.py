"""What is not on the list reaches no engine, however its path is written."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import unquote_to_bytes

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from router.proxy.paths import DEFAULT, Paths
from router.proxy.settings import RouterSettings
from tests.router.proxy.fakes import answers, reply, rolling, says

PIECES = st.sampled_from(
    [
        "/",
        "v1",
        "models",
        "chat",
        "completions",
        "..",
        ".",
        "%2e",
        "%2F",
        "%5c",
        "\\",
        "//",
        "%00",
        "x",
        ";",
        "load",
    ]
)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (b"/v1/models", None),
        (b"/v1/models/some-model", None),
        (b"/v1/chat/completions", None),
        (b"/v1/responses/resp_1/cancel", None),
        (b"/v1/load_lora_adapter", 404),
        (b"/v1/models/", 404),
        (b"/v1/chat/completions/", 404),
        (b"/metrics", 404),
        (b"/", 404),
        (b"/v1/../metrics", 400),
        (b"/v1/models/../load_lora_adapter", 400),
        (b"/v1/models/..", 400),
        (b"/v1/models/..;/x", 400),
        (b"/v1/%2e%2e/x", 400),
        (b"/v1%2fchat/completions", 400),
        (b"/v1/chat%2Fcompletions", 400),
        (b"/v1\\chat\\completions", 400),
        (b"/v1/models/%5C..%5Cx", 400),
        (b"//v1/models", 400),
        (b"/v1/models/a%00b", 400),
        (b"/v1/models/\xc3\xa9", 400),
    ],
)
def test_a_path_is_on_the_list_or_is_refused(path: bytes, status: int | None) -> None:
    refusal = Paths(DEFAULT).refusal(path)
    assert (None if refusal is None else refusal[0]) == status


@given(st.lists(PIECES, max_size=8).map("".join))
@example("/v1/models/.%2e/load_lora_adapter")
def test_no_way_of_reading_a_path_that_passes_leaves_the_list(path: str) -> None:
    if Paths(DEFAULT).refusal(path.encode()) is not None:
        return
    read = unquote_to_bytes(path).replace(b"\\", b"/")
    parts: list[bytes] = []
    for part in read.split(b"/")[1:]:
        if part == b"..":
            parts = parts[:-1]
        elif part not in (b"", b"."):
            parts.append(part)
    assert Paths(DEFAULT).refusal(b"/" + b"/".join(parts)) is None


def test_other_paths_can_be_named_and_must_be_paths(tmp_path: Path) -> None:
    paths = Paths(("/v1/images/*",))
    assert paths.refusal(b"/v1/images/generations") is None
    assert paths.refusal(b"/v1/models") is not None
    arms = {arm: {"arm": arm, "url": "http://127.0.0.1:1"} for arm in ("control", "candidate")}
    for wrong in ("/v1/*/x", "v1/models", "/v1/../x", "/metrics"):
        with pytest.raises(ValueError, match="paths"):
            RouterSettings.model_validate(
                {**arms, "rollout_file": tmp_path, "spool_folder": tmp_path, "paths": [wrong]}
            )


async def test_refusals_are_in_openais_shape_and_reach_nobody(tmp_path: Path) -> None:
    async with rolling(tmp_path, says("x")) as (router, base, engine, _):
        reader, writer = await asyncio.open_connection(*router.url.removeprefix("http://").split(":"))
        for path, status in (
            (b"/v1/../x", b"400"),
            (b"/v1/chat%2fcompletions", b"400"),
            (b"/v1/nothing", b"404"),
        ):
            writer.write(b"POST %b HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}" % path)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.split()[1] == status
            length = next(
                int(x.split()[1]) for x in head.splitlines() if x.lower().startswith(b"content-length")
            )
            assert (await reader.readexactly(length)).startswith(b'{"error": {"message"')
        writer.close()
        assert (base.asked, engine.asked) == ([], [])


async def test_embeddings_and_the_like_reach_base(tmp_path: Path) -> None:
    async with rolling(tmp_path, says("x"), answers(reply(200, b"{}"))) as (_, base, _, http):
        for path in ("/v1/embeddings", "/v1/responses", "/v1/rerank", "/v1/audio/transcriptions"):
            answer: httpx.Response = await http.post(path, json={"model": "m"})
            assert (answer.status_code, base.asked[-1].target) == (200, path)
