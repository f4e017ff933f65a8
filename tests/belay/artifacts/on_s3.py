"""Runs `belay artifacts` lines against moto's S3 server, both in this process: each package is imported once.

    python -m tests.belay.artifacts.on_s3 < lines.json     a list of lines, each a list of words

Prints a JSON list with status and words of each. A line `["put", KEY, TEXT]` puts an object into the bucket, `["keys"]`
tells the keys of all and what was begun, `["cut", ...]` runs a line on a disk that fails, `["away"]` stops the server.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import httpx
from moto.server import ThreadedMotoServer

from belay.artifacts.contents import Counted, chunks_of
from belay.cli import main

LARGE = 8 << 20
"""Bytes; more are sent in parts."""


def outcome(url: str, words: list[str], server: ThreadedMotoServer) -> tuple[int, str]:
    if words[0] == "put":
        return httpx.put(f"{url}/bucket/{words[1]}", content=words[2].encode()).status_code, ""
    if words[0] == "keys":
        return 200, httpx.get(f"{url}/bucket").text + httpx.get(f"{url}/bucket?uploads").text
    if words[0] == "away":
        server.stop()
        return 0, ""
    if words[0] == "cut":
        with mock.patch("belay.artifacts.store.chunks_of", cut_off):
            return outcome(url, words[1:], server)
    said = io.StringIO()
    with (
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(said),
        mock.patch.object(sys, "argv", ["belay", "artifacts", *words]),
    ):
        try:
            main()
        except SystemExit as ended:
            return int(ended.code or 0), said.getvalue()
    return 0, said.getvalue()


def cut_off(path: Path, counted: Counted) -> Iterator[bytes]:
    """A disk that fails at the end of a large file, and so after a part of it was sent."""
    yield from chunks_of(path, counted)
    if path.stat().st_size > LARGE:
        raise OSError(errno.EIO, "the disk failed")


def story() -> None:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    os.environ |= {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_MAX_ATTEMPTS": "1",
    }
    httpx.put(f"{url}/bucket").raise_for_status()
    sys.stdout.write(json.dumps([outcome(url, words, server) for words in json.load(sys.stdin)]))
    sys.stdout.flush()
    server.stop()


if __name__ == "__main__":
    story()
