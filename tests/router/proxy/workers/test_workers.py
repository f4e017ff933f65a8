"""Several router processes on one port: one router to clients, to whoever watches, and to the forwarder."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvloop
import yaml

from router.proxy.keys.key_file import add_key
from router.proxy.settings import RouterSettings
from router.proxy.workers import supervisor
from router.proxy.workers.child import Child
from router.proxy.workers.supervisor import supervise
from router.proxy.workers.worker import settings_of as worker_settings
from serving.server import listen
from telemetry.errors import PortTaken, SettingsError
from telemetry.forwarding.spools import Spools
from telemetry.rollout_file import write_rollout
from telemetry.spool.raw_record import unpack
from telemetry.spool.writer import Spool
from tests.router.proxy.test_app import ROUTER, answers_at, engine, free_port, process, settings_of
from tests.router.values import with_share
from tests.serving.certificates import Authority

__all__ = ["engine"]

ASK = (
    b"POST /v1/completions HTTP/1.1\r\nhost: x\r\nx-session-id: %b\r\nconnection: close\r\n"
    b"content-length: 26\r\n\r\n"
    b'{"model":"m","prompt":"p"}'
)


def said_to(port: int, asked: bytes) -> bytes:
    """The answer to a request on a connection of its own."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(asked)
        said = b""
        while part := client.recv(65536):
            said += part
    return said


def answered(port: int, subject: bytes = b"s") -> bool:
    """Whether a request on a connection of its own has its answer."""
    said = said_to(port, ASK % subject)
    return said.startswith(b"HTTP/1.1 200") and said.endswith(b"}")


def until(what: Callable[[], Any], patience_s: float = 60.0) -> None:
    deadline = time.monotonic() + patience_s
    while not what():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@contextlib.contextmanager
def asking(port: int) -> Iterator[list[str]]:
    """Ask without a pause, on connections of its own each, and keep what went wrong."""
    wrong, stop = list[str](), threading.Event()

    def ask() -> None:
        while not stop.is_set():
            try:
                if not answered(port):
                    wrong.append("no answer")
            except OSError as error:
                wrong.append(repr(error))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield wrong
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@pytest.mark.slow
def test_workers_are_one_router_and_die_and_are_replaced_without_a_refused_request(
    tmp_path: Path, engine: int
) -> None:
    port, own = free_port(), free_port()
    settings = settings_of(tmp_path, port, engine) | {"status_port": own, "workers": 2}
    write_rollout(tmp_path / "rollout.json", with_share(0.5))

    def status() -> dict[str, Any]:
        found: dict[str, Any] = httpx.get(f"http://127.0.0.1:{own}/belay/status", timeout=20).json()
        return found

    def pids() -> set[int]:
        return set(status()["workers"]["pids"].values())

    with process(ROUTER, tmp_path, settings, "/belay/healthz") as (child, _):
        until(lambda: len(pids()) == 2)
        for number in range(40):
            assert answered(port, b"s%d" % number)
        assert status()["recorded"] == 40
        assert "belay_workers 2.0" in httpx.get(f"http://127.0.0.1:{own}/metrics", timeout=20).text

        # one after the other, and nobody is refused
        before = pids()
        with asking(port) as wrong:
            child.send_signal(signal.SIGHUP)
            until(lambda: status()["workers"]["replaced"] == 2)
        assert wrong == []
        assert not before & pids()
        assert status()["recorded"] > 40

        # one that dies is replaced, and counted
        dead = min(pids())
        os.kill(dead, signal.SIGKILL)
        until(lambda: status()["workers"]["restarts"] == 1 and len(pids()) == 2)
        assert dead not in pids()
        assert answered(port)
        recorded = status()["recorded"]

        child.send_signal(signal.SIGTERM)
        assert child.wait(20) == 0, (tmp_path / "log").read_text()
    with Spools(tmp_path / "spool") as spools:
        records = [unpack(one.payload) for one in spools.read(100_000, 1 << 40)]
    assert len(records) >= recorded  # a killed worker's last second may not have been told of
    assert {record.meta["source"] for record in records} <= {f"router-1-{number}" for number in range(3)}
    given = {(record.meta["assignment"]["subject"], record.meta["assignment"]["arm"]) for record in records}
    assert (
        len(given) == len({subject for subject, _ in given}) == 41
    )  # whichever worker it was that a subject met
    assert {arm for _, arm in given} == {"control", "candidate"}


@pytest.mark.slow
@pytest.mark.parametrize("count", [{"workers": 2}, {"workers": 1, "supervised": True}], ids=["two", "one"])
def test_sighup_takes_on_new_routes_under_load_and_a_broken_file_keeps_the_old(
    tmp_path: Path, engine: int, count: dict[str, Any]
) -> None:
    port, own = free_port(), free_port()
    settings = settings_of(tmp_path, port, engine)
    arms = {arm: settings.pop(arm) for arm in ("control", "candidate")}
    settings |= {"status_port": own, "routes": {"m": arms, "old": arms}} | count
    file = tmp_path / "settings.yaml"

    def status_of(model: bytes) -> bytes:
        return said_to(
            port, ASK.replace(b'"m"', b'"%b"' % model).replace(b"26", b"%d" % (25 + len(model))) % b"s"
        )[9:12]

    def rolled() -> bool:
        told = httpx.get(f"http://127.0.0.1:{own}/belay/status", timeout=20).json()["workers"]
        return told["replaced"] == count["workers"] and told["alive"] == count["workers"]

    with process(ROUTER, tmp_path, settings, "/belay/healthz") as (child, _), asking(port) as wrong:
        assert [status_of(model) for model in (b"m", b"old", b"new")] == [b"200", b"200", b"404"]
        changed = {"routes": {"m": arms, "new": arms}}
        file.write_text(yaml.safe_dump(settings | changed), encoding="utf-8")
        child.send_signal(signal.SIGHUP)
        until(rolled)
        assert [status_of(model) for model in (b"m", b"old", b"new")] == [b"200", b"404", b"200"]

        broken = {"routes": {"m": arms, "new": arms | {"control": {"arm": "control", "url": "nowhere"}}}}
        file.write_text(yaml.safe_dump(settings | broken), encoding="utf-8")
        child.send_signal(signal.SIGHUP)
        until(lambda: "the workers that are left stay as they are" in (tmp_path / "log").read_text())
        assert [status_of(model) for model in (b"m", b"old", b"new")] == [b"200", b"404", b"200"]
        log = (tmp_path / "log").read_text()
        assert str(file) in log
        assert "routes.new" in log
        assert rolled()
        assert wrong == []


@pytest.mark.slow
def test_a_worker_that_dies_while_settings_and_keys_are_broken_begins_with_the_last_good_ones(
    tmp_path: Path, engine: int
) -> None:
    port, own, keys = free_port(), free_port(), tmp_path / "keys.yaml"
    secret = add_key(keys, "shop").encode()
    settings = settings_of(tmp_path, port, engine) | {
        "status_port": own, "workers": 1, "supervised": True, "keys_file": str(keys)
    }  # fmt: skip
    asked = ASK.replace(b"host: x", b"host: x\r\nx-api-key: " + secret) % b"s"

    def told() -> dict[str, Any]:
        found: dict[str, Any] = httpx.get(f"http://127.0.0.1:{own}/belay/status", timeout=20).json()
        return found.get("workers", {})

    with process(ROUTER, tmp_path, settings, "/belay/healthz") as (child, _):
        assert said_to(port, asked).startswith(b"HTTP/1.1 200")
        later = add_key(keys, "later").encode()  # what was good last, not at the start
        until(lambda: said_to(port, asked.replace(secret, later)).startswith(b"HTTP/1.1 200"))
        (tmp_path / "settings.yaml").write_text("workers: [", encoding="utf-8")
        keys.write_text("keys: [", encoding="utf-8")
        os.kill(told()["pids"]["0"], signal.SIGKILL)
        until(lambda: told().get("restarts") == 1 and told()["alive"] == 1, 30.0)
        for known in (secret, later):
            assert said_to(port, asked.replace(secret, known)).startswith(b"HTTP/1.1 200")
        assert said_to(port, asked.replace(secret, b"unknown")).startswith(b"HTTP/1.1 401")
        child.send_signal(signal.SIGHUP)
        until(lambda: "the workers that are left stay as they are" in (tmp_path / "log").read_text())
        assert told()["restarts"] == 1
    log = (tmp_path / "log").read_text()
    assert "begins with the settings that were good before" in log
    assert "the keys are those that were known before" in log


@pytest.mark.slow
def test_a_worker_that_dies_while_certificate_and_key_are_two_speaks_tls_as_before(
    tmp_path: Path, engine: int
) -> None:
    authority, port, own = Authority(tmp_path), free_port(), free_port()
    cert, key = authority.sign("one")
    settings = settings_of(tmp_path, port, engine) | {
        "status_port": own, "workers": 1, "supervised": True, "tls_cert": str(cert), "tls_key": str(key)
    }  # fmt: skip

    def told() -> dict[str, Any]:
        found: dict[str, Any] = httpx.get(f"http://127.0.0.1:{own}/belay/status", timeout=20).json()
        return found.get("workers", {})

    with process(ROUTER, tmp_path, settings, "/belay/healthz"):
        authority.sign("two")
        key.write_text("no key yet", encoding="utf-8")
        os.kill(told()["pids"]["0"], signal.SIGKILL)
        until(lambda: told().get("restarts") == 1 and told()["alive"] == 1, 30.0)
        trusting = ssl.create_default_context(cafile=authority.ca)
        asked = httpx.get(f"https://127.0.0.1:{port}/belay/healthz", verify=trusting, timeout=20)
        assert asked.is_success
    assert "TLS begins with the certificate that was good before" in (tmp_path / "log").read_text()


@pytest.mark.slow
def test_workers_end_with_a_supervisor_that_was_killed(tmp_path: Path, engine: int) -> None:
    own = free_port()
    settings = settings_of(tmp_path, free_port(), engine) | {"status_port": own, "workers": 2}
    with process(ROUTER, tmp_path, settings, "/belay/healthz") as (child, _):
        until(lambda: answers_at(f"http://127.0.0.1:{own}/belay/status"))
        pids = httpx.get(f"http://127.0.0.1:{own}/belay/status").json()["workers"]["pids"].values()
        child.kill()
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))


@pytest.mark.slow
def test_what_keeps_a_worker_from_beginning_ends_the_router(tmp_path: Path, engine: int) -> None:
    settings = settings_of(tmp_path, free_port(), engine) | {"workers": 2}
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump(settings), encoding="utf-8")
    with Spool(tmp_path / "spool" / "1", 1 << 20):
        done = subprocess.run(
            [sys.executable, "-c", ROUTER, str(file)], capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 1  # the test's router has no command line that maps errors to exit codes
    assert "WorkerFailed: worker 1 cannot begin: the spool" in done.stderr
    assert "already has a writer" in done.stderr


@pytest.mark.parametrize("failure", [OSError("no more processes"), SettingsError("no such host")])
async def test_a_seat_is_tried_again_whatever_keeps_its_worker_from_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    async def fails(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr(supervisor, "begin", fails)
    with contextlib.closing(listen("127.0.0.1", 0, shared=True)) as listener:
        settings = RouterSettings.model_validate(settings_of(tmp_path) | {"workers": 2})
        seats = supervisor.Supervisor(settings, [listener])
        assert await seats._sits_again(0, 0.0) is False


def test_a_worker_that_has_just_ended_is_asked_nothing_and_keeps_its_last_word() -> None:
    async def asked() -> dict[str, Any]:
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        process = await asyncio.create_subprocess_exec("true")
        child = Child(0, process, reader, writer)
        theirs.sendall(b'{"ready": true, "status": {"recorded": 7}}\n')
        theirs.close()
        await child.ended()
        await child.is_ready()
        for _ in range(2):  # the first one closes the channel
            await child.ask()
        assert writer.is_closing()
        await child.heard_out()
        return child.status

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as a supervisor has it
        assert runner.run(asked()) == {"recorded": 7}


def test_a_worker_has_its_own_name_and_spool_and_everybodys_salt(tmp_path: Path) -> None:
    given = RouterSettings.model_validate(settings_of(tmp_path) | {"workers": 4, "spool_quota_bytes": 1000})
    first, second = (worker_settings(number, given) for number in (0, 5))
    assert (first.router_id, second.router_id) == ("router-1-0", "router-1-5")
    assert (first.spool_folder, second.spool_folder) == (tmp_path / "spool/0", tmp_path / "spool/5")
    assert first.default_salt == second.default_salt == "router-1"
    assert first.spool_quota_bytes == 250


def test_workers_share_a_port_with_nobody_else(tmp_path: Path) -> None:
    with contextlib.closing(listen("127.0.0.1", 0, shared=True)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=f"port {port} on 127.0.0.1 is in use"):
            supervise(RouterSettings.model_validate(settings_of(tmp_path, port) | {"workers": 2}))


@pytest.mark.slow
def test_a_keys_limit_holds_over_all_workers_and_over_those_that_take_their_places(
    tmp_path: Path, engine: int
) -> None:
    port, own, keys = free_port(), free_port(), tmp_path / "keys.yaml"
    secret = add_key(keys, "shop", requests_per_minute=20).encode()
    settings = settings_of(tmp_path, port, engine) | {
        "status_port": own, "workers": 2, "keys_file": str(keys)
    }  # fmt: skip
    asked = ASK.replace(b"host: x", b"host: x\r\nx-api-key: " + secret) % b"s"

    with process(ROUTER, tmp_path, settings, "/belay/healthz") as (child, _):
        began = time.monotonic()
        let_in = sum(said_to(port, asked).startswith(b"HTTP/1.1 200") for _ in range(60))
        child.send_signal(signal.SIGHUP)
        status = f"http://127.0.0.1:{own}/belay/status"
        until(lambda: httpx.get(status, timeout=20).json()["workers"]["replaced"] == 2)
        let_in += sum(said_to(port, asked).startswith(b"HTTP/1.1 200") for _ in range(20))
        flowed_in = (time.monotonic() - began) * 20 / 60
        assert 20 <= let_in <= 20 + flowed_in + 1
        denied = httpx.get(status, timeout=20).json()["denied"]
        assert denied == {"requests": 80 - let_in}
