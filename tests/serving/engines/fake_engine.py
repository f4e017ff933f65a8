"""Stands in for vLLM's process tree: `fake_engine.py PORT MODE`, with the same two levels of children.

Modes: serve; stubborn (ignores SIGTERM, and so does a grandchild in a session of its own); die; mute.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_SLEEPER = "import signal, time; {ignore}; time.sleep(600)"
_IGNORE = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b"{}" if self.path == "/health" else json.dumps({"data": [{"id": "m"}]}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


def start_children(stubborn: bool) -> None:
    sleeper = _SLEEPER.format(ignore=_IGNORE if stubborn else "pass")
    middle = (
        "import subprocess, sys, time; "
        f"subprocess.Popen([sys.executable, '-c', {sleeper!r}], start_new_session={stubborn}); "
        "time.sleep(600)"
    )
    subprocess.Popen([sys.executable, "-c", middle])


def main(port: int, mode: str) -> None:
    if mode == "die":
        sys.stderr.write("ValueError: no room for the weights\n")
        sys.exit(3)
    if mode == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    start_children(stubborn=mode == "stubborn")
    if mode == "mute":
        time.sleep(600)
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
