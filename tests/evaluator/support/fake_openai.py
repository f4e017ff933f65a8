"""A small server with an OpenAI API whose answers a test scripts, and a tokenizer of single bytes to go with it."""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

Answer = Callable[[str, dict[str, Any]], tuple[int, Any]]
"""From a request's path and body to a status and the JSON (or text) of the response."""

CHAT_TEMPLATE = (
    "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] | trim }}\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


@dataclass
class Fake:
    """What was asked of the server, in order: path, body, headers (lower case)."""

    url: str
    requests: list[tuple[str, dict[str, Any], dict[str, str]]] = field(default_factory=list)


class _Server(ThreadingHTTPServer):
    def handle_error(self, *of: Any) -> None:
        """A client that does not wait any longer resets its connection."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(*of)


@contextmanager
def serving(answer: Answer) -> Iterator[Fake]:
    """The server while the context lasts. A tuple of three as answer adds response headers."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body are two writes, between which it waits 40 ms

        def do_GET(self) -> None:
            self._reply({})

        def do_POST(self) -> None:
            self._reply(json.loads(self.rfile.read(int(self.headers["content-length"]))))

        def _reply(self, body: dict[str, Any]) -> None:
            fake.requests.append((self.path, body, {k.lower(): v for k, v in self.headers.items()}))
            status, said, *more = answer(self.path, body)
            raw = said.encode() if isinstance(said, str) else json.dumps(said).encode()
            self.send_response(status)
            for name, value in (more[0] if more else {}).items():
                self.send_header(name, value)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *args: Any) -> None:
            """Nothing on standard error."""

    server = _Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    fake = Fake(f"http://127.0.0.1:{server.server_port}")
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def chat_completion(text: str | None) -> dict[str, Any]:
    """The body of a chat completion with one answer."""
    message = {"role": "assistant", "content": text}
    return {"choices": [{"index": 0, "finish_reason": "stop", "message": message}]}


def logprob(before: int, token: int, seed: str = "") -> float:
    """A made-up log-probability of a token after another one, between -5 and 0."""
    digest = hashlib.sha256(f"{seed}/{before}/{token}".encode()).digest()
    return -5.0 * int.from_bytes(digest[:4], "big") / 2**32


def completions(seed: str = "", text: Callable[[str], str] = str.upper) -> Answer:
    """Answers `/v1/completions`: with `echo` the prompt's log-probabilities, else `text` of the prompt.

    Every token after an even byte is the likeliest, so that some continuations are greedy and some are not.
    """

    def answer(path: str, body: dict[str, Any]) -> tuple[int, Any]:
        if path == "/v1/models":
            return 200, {"data": [{"id": "fake", "max_model_len": 4096}]}
        prompts = body["prompt"] if isinstance(body["prompt"], list) else [list(body["prompt"].encode())]
        if not body.get("echo"):
            said = [text(bytes(ids).decode()) for ids in prompts]
            return 200, {"choices": [{"index": i, "text": one} for i, one in enumerate(said)]}
        return 200, {"choices": [_echo(index, ids, seed) for index, ids in enumerate(prompts)]}

    return answer


def _echo(index: int, ids: list[int], seed: str) -> dict[str, Any]:
    scored: list[float | None] = [
        None,
        *(logprob(a, b, seed) for a, b in pairwise(ids)),
        -0.5,
    ]
    top = [
        None if value is None else {"x": value if i % 2 == 0 else value + 1.0}
        for i, value in enumerate(scored)
    ]
    return {"index": index, "text": "", "logprobs": {"token_logprobs": scored, "top_logprobs": top}}


def byte_tokenizer(folder: Path, chat_template: str | None = CHAT_TEMPLATE) -> Path:
    """A model folder with nothing but a tokenizer whose tokens are the bytes of ASCII, and a chat template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers  # noqa: PLC0415 - heavy

    letters = pre_tokenizers.ByteLevel.alphabet()
    printable = {chr(b): b for b in range(33, 127)}
    vocabulary = printable | {"\u0120": 32, "\u010a": 10, "<end>": 256}
    spare = iter(range(257, 1000))
    vocabulary |= {letter: next(spare) for letter in sorted(letters) if letter not in vocabulary}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<end>", "pad_token": "<end>"}
    if chat_template is not None:
        config["chat_template"] = chat_template
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder
