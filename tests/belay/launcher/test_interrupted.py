"""Ctrl-C, whenever it comes: every child process ends, no model stays pinned, and the next run can start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from serving.models.manifest import write_manifest
from serving.models.pins import PINS
from tests.belay.commands.test_failures import marked_processes
from tests.places import ROOT

pytestmark = pytest.mark.slow

ROLLOUT = """
import dataclasses, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job's children are born ignoring it
from contextlib import contextmanager, suppress
from pathlib import Path
from belay.home import Home
from serving.server import free_port
from belay.launcher.rollout_run import RolloutRun, run_rollout
from belay.launcher.turns import plan_traffic
from evaluator.briefs.brief import load_brief
from serving.engines.arms import Endpoint
from serving.models.manifest import read_manifest
from belay.launcher.embedded_broker import EmbeddedBroker
from tests.belay.launcher.test_allotment import BRIEF, Engine, rollout_of
from http.server import ThreadingHTTPServer
import threading

home, loaded = Home(Path(sys.argv[1])), load_brief(BRIEF)
server = ThreadingHTTPServer(("127.0.0.1", 0), Engine)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_address[1]}"
ref = read_manifest(home.base_model).ref
spec = rollout_of(loaded).model_copy(update={"rollout_id": sys.argv[2], "base": ref, "candidate": ref})
with EmbeddedBroker(free_port(), home.logs / "broker.log") as broker:
    run = RolloutRun(
        spec=spec, brief=BRIEF, turns=plan_traffic(loaded, 100_000, 5), bootstrap=broker.bootstrap_servers,
        control=Endpoint(arm="control", url=url), candidate=Endpoint(arm="candidate", url=url),
        folder=home.run(spec.rollout_id), models=home.models,
    )
    run_rollout(run, lambda tick: print(tick.traffic.answered, flush=True))
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a base model that nobody loads here."""
    base = tmp_path / "home" / "models" / "base"
    base.mkdir(parents=True)
    (base / "weights").write_text("base", encoding="utf-8")
    write_manifest(base, kind="base", name="base")
    return tmp_path / "home"


@contextmanager
def started(*arguments: str, mark: Path) -> Iterator[subprocess.Popen[str]]:
    """A process with our mark; nothing of its session is left, whatever becomes of the test."""
    with subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env={**os.environ, "BELAY_TEST_MARK": str(mark), "PYTHONPATH": str(ROOT)},
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def gone(mark: Path) -> bool:
    """Whether no process with our mark is left; some of them need a moment to be collected."""
    deadline = time.monotonic() + 20
    while left := marked_processes(str(mark)):
        if time.monotonic() > deadline:
            raise AssertionError(f"left running: {left}")
        time.sleep(0.2)
    return True


def test_a_rollout_that_is_interrupted_leaves_nothing_and_the_next_one_runs(
    home: Path, tmp_path: Path
) -> None:
    for number in (1, 2):
        with started("-c", ROLLOUT, str(home), f"r{number}", mark=tmp_path) as process:
            assert process.stdout is not None
            answered = next(
                (int(line) for line in process.stdout if line.strip().isdigit() and int(line) > 20), 0
            )
            assert answered > 20, "traffic was flowing"
            assert list((home / "models" / PINS).glob("*.json"))
            assert len(marked_processes(str(tmp_path))) >= 6, "itself, the broker, and the four of the stack"
            os.kill(process.pid, signal.SIGINT)
            out, _ = process.communicate(timeout=60)
            assert process.returncode != 0
            assert "KeyboardInterrupt" in out
            assert gone(tmp_path)
            assert not list((home / "models" / PINS).glob("*.json"))


@pytest.mark.parametrize("after_s", [0.0, 8.0])
def test_a_demo_that_is_interrupted_leaves_no_process_and_no_half_made_model(
    tmp_path: Path, after_s: float
) -> None:
    home = tmp_path / "home"
    with started("-m", "belay", "demo", "--home", str(home), mark=tmp_path) as process:
        assert process.stdout is not None
        assert any("The base model" in line for line in process.stdout)
        time.sleep(after_s)
        assert process.poll() is None
        os.kill(process.pid, signal.SIGINT)
        out, _ = process.communicate(timeout=60)
        assert process.returncode != 0
        assert "Traceback" not in out
        assert gone(tmp_path)
        if (home / "models").is_dir():
            assert [path for path in (home / "models").iterdir() if path.name.startswith(".")] == []
