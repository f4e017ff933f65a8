"""A judging model behind a real HTTP server that can be well, ill, silent or away, as a test says."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self

from tests.evaluator.support.fake_openai import chat_completion

Mood = Literal["well", "failing", "refusing", "silent", "dripping", "garbage", "half", "no grade", "too long"]
_SAID: dict[Mood, tuple[int, Any]] = {
    "well": (200, chat_completion("Good enough. Grade CODE: [[8]]")),
    "no grade": (200, chat_completion("I would rather not say.")),
    "failing": (500, {"error": "out of memory"}),
    "refusing": (401, {"error": "no such key"}),
    "garbage": (200, "<html>log in first</html>"),
    "half": (200, chat_completion("Grade CODE: [[8]]")),
    "dripping": (200, chat_completion("Grade CODE: [[8]]")),
    "too long": (
        400,
        {"error": {"code": "context_length_exceeded", "message": "maximum context length is 8"}},
    ),
}


def code_in(shown: str) -> str:
    """The nonce that a verdict has to carry, read off the judge's instructions, which stand last; "" without any."""
    return ["", *re.findall(r"^The code is (\w+)\.", shown, re.MULTILINE)][-1]


def with_code(reply: str, shown: str) -> str:
    """A reply with the nonce of what is shown in place of CODE."""
    return reply.replace("CODE", code_in(shown))


@dataclass
class JudgingServer:
    """The server. `well_for` is after how many answers it changes from `well` to `then`; None is never.

    `asked` counts the requests, also those that nothing useful was said to.
    """

    mood: Mood = "well"
    well_for: int | None = None
    then: Mood = "failing"
    asked: int = 0
    shown: list[str] = field(default_factory=list)
    port: int = 0

    def __enter__(self) -> Self:
        self._released = threading.Event()
        self._counting = threading.Lock()
        self._server = _Server(("127.0.0.1", self.port), _handler(self))
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it answers while it is there; the port stays its own when it comes back."""
        return f"http://127.0.0.1:{self.port}"

    def say(self, shown: str) -> Mood:
        """Note a request; how it is answered."""
        with self._counting:
            self.asked += 1
            self.shown.append(shown)
            well = self.well_for is None or self.asked <= self.well_for
        mood = self.mood if well else self.then
        if mood == "silent":
            self._released.wait(30.0)
        return mood

    def drip(self, write: Callable[[bytes], Any], raw: bytes) -> None:
        """A byte now and then, so that each is soon and the whole is never."""
        for at in range(len(raw)):
            write(raw[at : at + 1])
            if self._released.wait(0.1):
                return


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True

    def handle_error(self, *_: object) -> None:
        """A client that does not wait any longer resets its connection."""


def _handler(server: JudgingServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            shown = body["messages"][-1]["content"]
            mood = server.say(shown)
            status, said = _SAID.get(mood, (503, "too late"))
            raw = with_code(said if isinstance(said, str) else json.dumps(said), shown).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            if mood == "dripping":
                server.drip(self.wfile.write, raw)
            else:
                self.wfile.write(raw[: len(raw) // 2] if mood == "half" else raw)
            self.close_connection = True

        def log_message(self, *_: Any) -> None:
            """Nothing on standard error."""

    return Handler
