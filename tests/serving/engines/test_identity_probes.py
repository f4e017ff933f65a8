"""What an engine says of itself: its version where it has one, and a failure where it fails."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from serving.engines.address import ModelAddress
from serving.engines.identity_probes import (
    PROBES,
    TOKENS,
    TOKENS_OF_OURS,
    check_identity,
    engine_of,
    load_identity,
    save_identity,
    take_identity,
)
from telemetry.errors import AttestationError, EngineFailed, UsageError
from tests.conftest import a_free_port

Answer = Callable[[str, dict[str, Any]], tuple[int, Any]]


@contextmanager
def engine(answer: Answer) -> Iterator[ModelAddress]:
    """An engine that answers (path, body) as it is told."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._say(*answer(self.path, {}))

        def do_POST(self) -> None:
            self._say(*answer(self.path, json.loads(self.rfile.read(int(self.headers["content-length"])))))

        def _say(self, status: int, said: Any) -> None:
            body = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield ModelAddress(f"http://127.0.0.1:{server.server_port}/v1", "m")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def model(voice: str, *, logprobs: bool = True) -> Answer:
    """A model whose first token depends on its voice and the prompt."""

    def answer(path: str, body: dict[str, Any]) -> tuple[int, Any]:
        if path == "/version":
            return 200, {"version": "1.2.3"}
        if "logprobs" in body and not logprobs:
            return 400, {"error": "no logprobs here"}
        text = f"{voice}: {body['messages'][0]['content']}"
        choice: dict[str, Any] = {"message": {"content": text}}
        if "logprobs" in body:
            top = [{"token": voice, "logprob": -0.25}, {"token": "other", "logprob": -1.5}]
            choice["logprobs"] = {"content": [{"top_logprobs": top}]}
        return 200, {"choices": [choice]}

    return answer


def test_a_model_is_known_again_and_another_is_not(tmp_path: Path) -> None:
    with engine(model("a")) as address:
        save_identity(tmp_path, take_identity(address))
        known = load_identity(tmp_path)
        assert (known.engine, known.noise, known.alike, len(known.answers)) == (
            "vllm 1.2.3",
            0.0,
            1.0,
            len(PROBES),
        )
        assert check_identity(address, known).same
    with engine(model("b")) as address:
        assert not check_identity(address, known).same


def test_an_engine_without_logprobs_is_known_by_its_answers() -> None:
    with engine(model("a", logprobs=False)) as address:
        known = take_identity(address)
        assert not known.tells_logprobs
        assert check_identity(address, known).same
    with engine(model("b", logprobs=False)) as address:
        assert not check_identity(address, known).same


def test_an_engine_without_logprobs_is_asked_one_probe_round_more_not_three() -> None:
    lengths: list[int] = []
    answer = model("a", logprobs=False)

    def counted(path: str, body: dict[str, Any]) -> tuple[int, Any]:
        status, said = answer(path, body)
        if body and status == 200:
            lengths.append(body["max_tokens"])
        return status, said

    with engine(counted) as address:
        assert take_identity(address, TOKENS_OF_OURS).tokens == TOKENS
    assert lengths == [TOKENS_OF_OURS] * len(PROBES) + [TOKENS] * 3 * len(PROBES)


def test_an_engine_without_a_version_speaks_the_api_at_least() -> None:
    with engine(lambda _path, _body: (404, {})) as address:
        assert engine_of(address) == "an engine that speaks the OpenAI API"


@pytest.mark.parametrize("status", [500, 503, 401, 429])
def test_a_failure_is_not_taken_for_the_engines_name(status: int) -> None:
    with engine(lambda _path, _body: (status, {})) as address, pytest.raises(EngineFailed, match=str(status)):
        engine_of(address)


def test_an_engine_that_is_away_is_named() -> None:
    address = ModelAddress(f"http://127.0.0.1:{a_free_port()}", "m")
    for ask in (engine_of, take_identity):
        with pytest.raises(EngineFailed, match=address.root):
            ask(address)


def test_probes_of_another_version_are_refused(tmp_path: Path) -> None:
    with engine(model("a")) as address:
        save_identity(tmp_path, take_identity(address).model_copy(update={"version": "0"}))
    with pytest.raises(AttestationError, match="version '0'"):
        load_identity(tmp_path)


@pytest.mark.parametrize("url", ["", "engine:8000", "ftp://engine", "http://"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="is no engine's URL"):
        ModelAddress(url, "m")
