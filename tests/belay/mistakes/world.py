"""A folder full of wrong things, and servers that do not do what they should."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import yaml

from serving.models.manifest import write_manifest
from tests.conftest import a_free_port
from tests.places import BRIEF


@dataclass(frozen=True, slots=True)
class World:
    """Names by which cases call what is in it: `{missing}` in an argument becomes the path."""

    names: dict[str, str]

    def filled(self, argument: str) -> str:
        """The argument with the names in braces replaced."""
        for name, value in self.names.items():
            argument = argument.replace("{" + name + "}", value)
        return argument


class _Server(BaseHTTPRequestHandler):
    """Answers by the first part of the path: /500, /401, /garbage, /empty."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self._answer()

    def _answer(self) -> None:
        kind = self.path.split("/")[1]
        status = {"500": 500, "401": 401}.get(kind, 200)
        body = (
            b"<html>"
            if kind == "garbage"
            else json.dumps({} if kind == "empty" else {"error": kind}).encode()
        )
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def made(folder: Path) -> Iterator[World]:
    """The world in `folder`; its server ends with the block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield World(
            {
                **_files(folder),
                **_home(folder / "home"),
                "bad": f"http://127.0.0.1:{server.server_port}",
                "taken": str(server.server_port),
                "closed": str(a_free_port()),
                "brief": str(BRIEF),
            }
        )
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _files(folder: Path) -> dict[str, str]:
    content: dict[str, bytes] = {
        "binary": bytes(range(256)),
        "noyaml": b"a: [1, 2\nb: }",
        "list": b"- 1\n- 2\n",
        "empty": b"",
        "unknown": b"no_such_key: 1\n",
        "nojson": b"{",
        "project": yaml.safe_dump(
            {"route": "r", "base": "nobody", "brief": str(BRIEF), "home": str(folder / "home")}
        ).encode(),
        "badproject": b"route: r\nbase: b\nbrief: b.yaml\nprivcy: full\n",
        "file": b"in the way",
    }
    found = {"missing": str(folder / "nowhere" / "to-be-seen"), "dir": str(folder)}
    for name, data in content.items():
        path = folder / f"{name}.yaml"
        path.write_bytes(data)
        found[name] = str(path)
    locked = folder / "locked"
    locked.mkdir()
    found["under_file"] = str(folder / "file.yaml" / "below")
    return found


def _home(home: Path) -> dict[str, str]:
    """A home with a base that has no baseline, a candidate that has no audit, and a damaged model."""
    models = home / "models"
    for name in ("base", "mine", "torn"):
        (models / name).mkdir(parents=True)
        (models / name / "config.json").write_text("{}")
    base = write_manifest(models / "base", kind="base", name="base")
    write_manifest(models / "mine", kind="candidate", name="mine", base_sha256=base.sha256)
    (models / "torn" / "manifest.json").write_text("{")
    (home / "empty").mkdir()
    return {"home": str(home), "nohome": str(home / "empty")}
