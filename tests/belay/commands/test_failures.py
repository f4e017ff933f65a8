"""What goes wrong for people says what, where and what to do, ends with the right status, leaves nothing running."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from serving.models.manifest import write_manifest
from tests.places import BRIEF


def belay(*arguments: str, folder: Path, timeout_s: float = 90.0) -> subprocess.CompletedProcess[str]:
    """Run `belay` in `folder` and see that no process of its session outlives it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "belay", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "BELAY_TEST_MARK": str(folder), "COLUMNS": "200"},
    )
    try:
        out, err = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert marked_processes(str(folder)) == []
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def marked_processes(mark: str) -> list[str]:
    """Command lines of the processes whose environment has our mark."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if (
                entry.name.isdigit()
                and f"BELAY_TEST_MARK={mark}\0".encode() in (entry / "environ").read_bytes()
            ):
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder that attests and that no engine can load."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "no-such-model"}), encoding="utf-8")
    write_manifest(folder, kind="base", name="nonsense")
    return folder


def test_broken_brief_names_the_key_and_the_near_one(tmp_path: Path) -> None:
    shutil.copytree(BRIEF.parent, tmp_path / "support")
    broken = tmp_path / "support" / "brief.yaml"
    text = broken.read_text(encoding="utf-8")
    broken.write_text(re.sub(r"(?m)^( +)threshold:", r"\1treshold:", text, count=1), encoding="utf-8")
    ended = belay("brief", "check", str(broken), folder=tmp_path)
    assert ended.returncode == 2
    assert str(broken) in ended.stderr
    assert "did you mean 'threshold'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_missing_model_folder_is_named(tmp_path: Path) -> None:
    ended = belay("serve", str(tmp_path / "nothing"), folder=tmp_path)
    assert ended.returncode == 2
    assert str(tmp_path / "nothing") in ended.stderr
    assert "Traceback" not in ended.stderr


def test_changed_model_folder_is_refused(tmp_path: Path, model: Path) -> None:
    (model / "config.json").write_text("{}", encoding="utf-8")
    ended = belay("serve", str(model), folder=tmp_path)
    assert ended.returncode == 2
    assert "config.json" in ended.stderr
    assert "sha256" in ended.stderr


def test_taken_port_of_an_engine_is_told_before_it_starts(
    tmp_path: Path, model: Path, taken_port: int
) -> None:
    ended = belay("serve", str(model), "--port", str(taken_port), folder=tmp_path)
    assert ended.returncode == 4
    assert str(taken_port) in ended.stderr
    assert "Traceback" not in ended.stderr


def test_taken_port_of_the_router_is_told(tmp_path: Path, taken_port: int) -> None:
    settings = tmp_path / "router.yaml"
    settings.write_text(
        yaml.safe_dump(
            {
                "port": taken_port,
                "control": {"arm": "control", "url": "http://127.0.0.1:9"},
                "candidate": {"arm": "candidate", "url": "http://127.0.0.1:9"},
                "rollout_file": str(tmp_path / "rollout.json"),
                "spool_folder": str(tmp_path / "spool"),
            }
        ),
        encoding="utf-8",
    )
    ended = belay("router", "--settings", str(settings), folder=tmp_path)
    assert ended.returncode == 4
    assert str(taken_port) in ended.stderr
    assert "Traceback" not in ended.stderr


def test_taken_port_of_control_and_of_the_broker_is_told(tmp_path: Path, taken_port: int) -> None:
    settings = tmp_path / "control.yaml"
    settings.write_text(
        yaml.safe_dump(
            {"port": taken_port, "rollout_file": str(tmp_path / "r.json"), "folder": str(tmp_path / "run")}
        ),
        encoding="utf-8",
    )
    for command in (["control", "--settings", str(settings)], ["broker", "--port", str(taken_port)]):
        ended = belay(*command, folder=tmp_path)
        assert ended.returncode == 4
        assert str(taken_port) in ended.stderr
        assert "Traceback" not in ended.stderr


def test_the_broker_by_hand_answers_and_ends_on_a_signal(tmp_path: Path, free_port: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "belay", "broker", "--port", str(free_port)],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "BELAY_TEST_MARK": str(tmp_path)},
    )
    try:
        assert process.stderr is not None
        assert f"a broker answers at 127.0.0.1:{free_port}" in process.stderr.readline()
        with socket.create_connection(("127.0.0.1", free_port), timeout=5):
            pass
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()
    assert marked_processes(str(tmp_path)) == []


def test_absent_broker_is_waited_for_and_named_with_what_to_do(tmp_path: Path, free_port: int) -> None:
    settings = tmp_path / "watch.yaml"
    settings.write_text(
        yaml.safe_dump(
            {
                "bus": {"bootstrap_servers": f"127.0.0.1:{free_port}", "connect_timeout_ms": 1000},
                "worker": {"brief": str(BRIEF), "status_file": str(tmp_path / "worker.json")},
            }
        ),
        encoding="utf-8",
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "belay", "watch", "--settings", str(settings)],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
    )
    try:
        assert process.stderr is not None
        told = next(line for line in process.stderr if "no broker answers" in line)
        assert f"127.0.0.1:{free_port}" in told
        assert "`belay broker` starts one" in told
        process.send_signal(signal.SIGTERM)
        rest = process.stderr.read()
        assert process.wait(20.0) == 0
        assert "Traceback" not in told + rest
    finally:
        process.kill()
        process.communicate()


def test_a_missing_settings_file_says_where_to_find_one(tmp_path: Path) -> None:
    ended = belay("control", "--settings", "absent.yaml", folder=tmp_path)
    assert ended.returncode == 2
    assert "no settings file at absent.yaml" in ended.stderr
    assert ".belay/runs/" in ended.stderr


def test_no_baseline_no_training(tmp_path: Path) -> None:
    home = tmp_path / "home"
    base = home / "models" / "base"
    base.mkdir(parents=True)
    (base / "config.json").write_text("{}", encoding="utf-8")
    write_manifest(base, kind="base", name="base")
    ended = belay("train", "mine", "--home", str(home), "--brief", str(BRIEF), folder=tmp_path)
    assert ended.returncode == 2
    assert "belay baseline" in ended.stderr
    assert not (home / "models" / "mine").exists()


@pytest.mark.slow
def test_engine_that_dies_at_start_says_what_it_said_last(
    tmp_path: Path, model: Path, free_port: int
) -> None:
    ended = belay("serve", str(model), "--port", str(free_port), folder=tmp_path, timeout_s=200.0)
    assert ended.returncode == 4
    assert "no-such-model" in ended.stderr
    assert ".log" in ended.stderr
