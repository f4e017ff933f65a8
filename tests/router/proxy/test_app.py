"""The two processes: what they import, how they start, how they end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from router.control.app import run_control
from router.control.settings import ControlSettings
from router.proxy.app import run
from router.proxy.settings import RouterSettings
from serving.server import listen
from telemetry.errors import PortTaken, SettingsError, SpoolError
from telemetry.rollout_file import RolloutFileTaken, read_rollout, write_rollout, writer_of
from telemetry.spool.raw_record import unpack
from telemetry.spool.reader import SpoolReader
from telemetry.spool.writer import Spool
from tests.router.values import spec, with_share

ROUTER = (
    "import sys, logging; from pathlib import Path; logging.basicConfig(level=logging.INFO);"
    "from router.proxy.workers.worker import settings_in; from router.proxy.app import run;"
    "run(settings_in(Path(sys.argv[1])))"
)
CONTROL = (
    "import sys, logging; from pathlib import Path; logging.basicConfig(level=logging.INFO);"
    "from router.control.settings import ControlSettings; from telemetry.settings import load_settings;"
    "from router.control.app import run_control;"
    "run_control(load_settings(Path(sys.argv[1]), ControlSettings))"
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def settings_of(folder: Path, port: int = 0, engine: int = 9) -> dict[str, Any]:
    return {
        "port": port,
        "status_port": 0,
        "control": {"arm": "control", "url": f"http://127.0.0.1:{engine}"},
        "candidate": {"arm": "candidate", "url": f"http://127.0.0.1:{engine}"},
        "rollout_file": str(folder / "rollout.json"),
        "spool_folder": str(folder / "spool"),
    }


@contextlib.contextmanager
def process(
    code: str, folder: Path, settings: dict[str, Any], path: str
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """One of the two processes, once it answers at `path`."""
    file = folder / "settings.yaml"
    file.write_text(yaml.safe_dump(settings), encoding="utf-8")
    url = f"http://127.0.0.1:{settings['port']}"
    plain = f"http://127.0.0.1:{settings['status_port']}" if "tls_cert" in settings else url
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen([sys.executable, "-c", code, str(file)], stderr=log, stdout=log)
        try:
            deadline = time.monotonic() + 30
            while not answers_at(plain + path):
                assert child.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield child, url
        finally:
            child.kill()
            child.wait()


def answers_at(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


class Engine(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    body = b'{"choices": []}'

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def engine() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Engine)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_routers_process_imports_neither_torch_nor_kafka_nor_the_evaluator() -> None:
    code = "import json, sys, router.proxy.app, router.proxy.gateway; print(json.dumps(sorted(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    top = {name.partition(".")[0] for name in json.loads(found.stdout)}
    assert {"router", "telemetry", "uvicorn"} <= top
    assert not top & {
        "torch",
        "kafka",
        "fastapi",
        "sklearn",
        "numpy",
        "transformers",
        "vllm",
        "evaluator",
        "trainer",
    }


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_router_serves_records_and_ends_on_a_signal(
    tmp_path: Path, engine: int, number: signal.Signals
) -> None:
    with process(ROUTER, tmp_path, settings_of(tmp_path, free_port(), engine), "/belay/healthz") as (
        child,
        url,
    ):
        answer = httpx.post(f"{url}/v1/completions", json={"model": "m", "prompt": "p"})
        assert (answer.status_code, answer.content) == (200, Engine.body)
        child.send_signal(number)
        assert child.wait(8) == 0, (tmp_path / "log").read_text()
    with SpoolReader(tmp_path / "spool") as reader:
        (spooled,) = reader.read(10)
        assert unpack(spooled.payload).meta["endpoint"] == "completions"


def test_the_router_tells_how_it_is_at_its_own_address_alone(tmp_path: Path, engine: int) -> None:
    settings = settings_of(tmp_path, free_port(), engine) | {"status_port": free_port()}
    with process(ROUTER, tmp_path, settings, "/belay/healthz") as (child, url):
        own = f"http://127.0.0.1:{settings['status_port']}"
        httpx.post(f"{url}/v1/completions", json={"model": "m", "prompt": "p"})
        assert httpx.get(f"{own}/belay/status").json()["recorded"] == 1
        assert 'belay_recorded_total{route="default"} 1.0' in httpx.get(f"{own}/metrics").text
        assert httpx.get(f"{url}/belay/status").status_code == 404
        child.send_signal(signal.SIGTERM)
        assert child.wait(8) == 0, (tmp_path / "log").read_text()
        assert not answers_at(f"{own}/belay/healthz")


def test_kill_9_loses_no_answered_interaction(tmp_path: Path, engine: int) -> None:
    settings = settings_of(tmp_path, free_port(), engine)
    with (
        process(ROUTER, tmp_path, settings, "/belay/healthz") as (child, url),
        httpx.Client(base_url=url) as http,
    ):
        for number in range(25):
            http.post("/v1/completions", json={"model": "m", "prompt": str(number)})
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    with SpoolReader(tmp_path / "spool") as reader:
        bodies = [json.loads(unpack(spooled.payload).request_body) for spooled in reader.read(100)]
    assert [body["prompt"] for body in bodies] == [str(number) for number in range(25)]


def test_kill_9_loses_no_interaction_whose_shadow_is_under_way(tmp_path: Path, engine: int) -> None:
    write_rollout(tmp_path / "rollout.json", with_share(0.0, shadow=1.0))
    with listen("127.0.0.1", 0) as silent:
        settings = settings_of(tmp_path, free_port(), engine)
        settings["candidate"]["url"] = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with (
            process(ROUTER, tmp_path, settings, "/belay/healthz") as (child, url),
            httpx.Client(base_url=url) as http,
        ):
            for number in range(5):
                http.post("/v1/completions", json={"model": "m", "prompt": str(number)})
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
    with SpoolReader(tmp_path / "spool") as reader:
        records = [unpack(spooled.payload) for spooled in reader.read(100)]
    assert [json.loads(record.request_body)["prompt"] for record in records] == list("01234")
    assert all(record.meta["draw"]["drawn"] for record in records)


def test_a_taken_port_is_said_so(tmp_path: Path) -> None:
    with contextlib.closing(listen("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=f"port {port} on 127.0.0.1 is in use"):
            run(RouterSettings.model_validate(settings_of(tmp_path, port)))
        with pytest.raises(PortTaken):
            run_control(ControlSettings(port=port, rollout_file=tmp_path / "r.json", folder=tmp_path))


def test_a_host_that_is_not_ours_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot listen on 192\.0\.2\.1:0"):
        run(RouterSettings.model_validate(settings_of(tmp_path) | {"host": "192.0.2.1"}))


def test_two_routers_do_not_share_a_spool(tmp_path: Path) -> None:
    with Spool(tmp_path / "spool", 1 << 20), pytest.raises(SpoolError, match="already has a writer"):
        run(RouterSettings.model_validate(settings_of(tmp_path)))


def test_the_second_control_on_a_rollout_file_changes_nothing_and_says_so(tmp_path: Path) -> None:
    settings = ControlSettings(port=0, rollout_file=tmp_path / "r.json", folder=tmp_path / "second")
    with (
        writer_of(tmp_path / "r.json", "the control at here:1"),
        pytest.raises(RolloutFileTaken, match=r"r\.json is written by the control at here:1") as refused,
    ):
        run_control(settings)
    assert refused.value.exit_code == 4
    assert not (tmp_path / "second").exists()


def test_control_starts_and_rolls_back_without_a_broker(tmp_path: Path) -> None:
    settings = {
        "port": free_port(),
        "rollout_file": str(tmp_path / "rollout.json"),
        "folder": str(tmp_path / "run"),
        "bootstrap_servers": f"127.0.0.1:{free_port()}",
    }
    with process(CONTROL, tmp_path, settings, "/livez") as (child, url):
        assert httpx.post(f"{url}/rollouts", json=spec().model_dump(mode="json")).status_code == 201
        word = {"actor": "ada", "reason": "no broker needed"}
        assert httpx.post(f"{url}/rollouts/r1/rollback", json=word).status_code == 200
        state = read_rollout(tmp_path / "rollout.json")
        assert state is not None
        assert state.status == "rolled_back"
        child.send_signal(signal.SIGTERM)
        assert child.wait(10) == 0, (tmp_path / "log").read_text()
    assert "applied" in (tmp_path / "run" / "control.jsonl").read_text()


def test_a_router_that_needs_no_key_says_so_and_one_whose_tls_cannot_be_had_does_not_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with contextlib.closing(listen("127.0.0.1", 0)) as taken:
        settings = RouterSettings.model_validate(settings_of(tmp_path, taken.getsockname()[1]))
        with pytest.raises(PortTaken):
            run(settings)
        assert caplog.text.count("nobody needs a key") == 1
        with pytest.raises(PortTaken):
            run(settings.model_copy(update={"keys_file": tmp_path / "keys.yaml"}))
        assert caplog.text.count("nobody needs a key") == 1
    nothing = tmp_path / "nothing.pem"
    with pytest.raises(SettingsError, match=r"TLS cannot be had of .*nothing.pem"):
        run(settings.model_copy(update={"tls_cert": nothing, "tls_key": nothing}))
