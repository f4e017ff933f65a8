"""A judge that stands in for a model: a server on this machine that grades by shared words, the same every time.

    python bench/_judge/stubs.py          # prints its URL, and answers until its standard input ends

It is no good judge. It reads what a model would read, replies as one would, quotes the answer before and after its
verdict as an honest model may, and, like models, leans to the answer that stands first where it sees little
difference. Behind `--drip` it sends a byte now and then instead.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

NAME: Final = "a stub that grades by the words that prompt and answer share"
_FENCED: Final = re.compile(r"<<(\w[\w ()]*) (\w{10})>>\n(.*?)\n<<end of \1 \2>>", re.DOTALL)
_NEAR: Final = 0.02
"""Likeness within which the first answer wins."""


def reply_to(shown: str) -> str:
    """What the stub says to a conversation of ours: a grade, or a verdict where there are two answers."""
    texts, code = {name: text for name, _, text in _FENCED.findall(shown)}, code_of(shown)
    question = texts.get("question", "")
    if "answer A" in texts:
        first, second = (likeness(question, texts[f"answer {place}"]) for place in "AB")
        place = "A" if first > second - _NEAR else "B"
        return f"{texts['answer A']}\nVerdict {code}: [[{place}]]\n{texts['answer B']}"
    grade = 1 + round(9 * likeness(question, texts["answer"]))
    return f"{texts['answer']}\nGrade {code}: [[{grade}]]\n{texts['answer']}"


def code_of(shown: str) -> str:
    """The code that our instructions name, which stand last."""
    return re.findall(r"^The code is (\w+)\.", shown, re.MULTILINE)[-1]


def likeness(question: str, answer: str) -> float:
    """The harmonic mean of what each has of the other's distinct words, in [0, 1]."""
    asked, said = (set(re.findall(r"\w+", text.lower())) for text in (question, answer))
    both = len(asked & said)
    return 2 * both / max(1, len(asked) + len(said))


@contextmanager
def served(*options: str) -> Iterator[str]:
    """The stub in a process of its own, which ends with the block, however that ends; its URL."""
    command = [sys.executable, str(Path(__file__)), *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None  # noqa: S101 - it is piped
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = (
        -1
    )  # a reply in one piece, or a client that keeps its connection waits for an acknowledgement each time
    disable_nagle_algorithm = True
    drips = False

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        said = reply_to(body["messages"][-1]["content"])
        message = {"role": "assistant", "content": said}
        raw = json.dumps({"choices": [{"index": 0, "finish_reason": "stop", "message": message}]}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        step = 1 if self.drips else len(raw)
        for at in range(0, len(raw), step):
            self.wfile.write(raw[at : at + step])
            self.wfile.flush()
            if self.drips and _over.wait(0.5):
                return

    def log_message(self, *_: Any) -> None:
        """Nothing on standard error."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """A client that does not wait any longer resets its connection."""


_over = threading.Event()


def main() -> None:
    _Handler.drips = "--drip" in sys.argv
    with _Server(("127.0.0.1", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        sys.stdin.read()
        _over.set()
        server.shutdown()


if __name__ == "__main__":
    main()
