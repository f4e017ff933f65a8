from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from serving.engines import vllm_engine
from serving.engines.guard import descendants
from serving.engines.placement import Card, Place
from serving.engines.vllm_engine import (
    EngineSettings,
    VllmEngine,
    build_command,
    build_environment,
    engine_cards,
    engine_package,
)
from serving.models.manifest import read_manifest, write_manifest
from telemetry.errors import AttestationError, EngineFailed, PortTaken

FAKE = Path(__file__).with_name("fake_engine.py")


@pytest.fixture
def settings(tmp_path: Path) -> EngineSettings:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    write_manifest(folder, kind="base", name="tiny")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return EngineSettings(
        folder=folder, served_name="m", port=port, log_file=tmp_path / "logs" / "engine.log"
    )


@pytest.fixture
def started() -> Iterator[list[int]]:
    """Process ids that must not survive the test."""
    pids: list[int] = []
    yield pids
    for pid in pids:
        if is_running(pid):
            os.kill(pid, signal.SIGKILL)


def fake(settings: EngineSettings, mode: str = "serve") -> VllmEngine:
    return VllmEngine(settings, command=[sys.executable, str(FAKE), str(settings.port), mode])


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_for_tree(engine: VllmEngine, processes: int = 3) -> list[int]:
    assert engine.pid is not None
    deadline = time.monotonic() + 10
    while len(found := descendants(engine.pid)) < processes:
        assert time.monotonic() < deadline, f"only {found} below the guard"
        time.sleep(0.02)
    return [engine.pid, *found]


def wait_until_gone(pids: list[int], seconds: float) -> list[int]:
    deadline = time.monotonic() + seconds
    while (left := [pid for pid in pids if is_running(pid)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def test_the_command_names_folder_name_and_port(settings: EngineSettings) -> None:
    command = build_command(settings)
    assert command[:3] == [sys.executable, "-m", "vllm.entrypoints.openai.api_server"]
    for option, value in (
        ("--model", str(settings.folder)),
        ("--served-model-name", "m"),
        ("--port", str(settings.port)),
        ("--max-model-len", "1024"),
    ):
        assert command[command.index(option) + 1] == value
    assert "--enable-lora" not in command


def test_the_command_enables_lora_exactly_where_there_are_adapters(settings: EngineSettings) -> None:
    two = settings.model_copy(update={"adapters": {"a": Path("/x/a"), "b": Path("/x/b")}})
    command = build_command(two)
    assert "--enable-lora" in command
    assert command[command.index("--lora-modules") + 1 :] == ["a=/x/a", "b=/x/b"]


def test_extra_arguments_come_last_so_that_they_win(settings: EngineSettings) -> None:
    extra = settings.model_copy(update={"extra_args": ("--max-model-len", "64")})
    assert build_command(extra)[-2:] == ["--max-model-len", "64"]


def test_the_environment_keeps_the_engine_offline_and_bounded(settings: EngineSettings) -> None:
    environment = build_environment(settings, {"PATH": "/bin", "HF_HUB_OFFLINE": "0"})
    assert environment["PATH"] == "/bin"
    assert environment["HF_HUB_OFFLINE"] == "1"
    assert environment["VLLM_CPU_KVCACHE_SPACE"] == "1"
    assert environment["DO_NOT_TRACK"] == environment["VLLM_NO_USAGE_STATS"] == "1"


def on_gpu(settings: EngineSettings, gpu: str | None = "1", memory: float | None = None) -> EngineSettings:
    return settings.model_copy(update={"place": Place("cuda", gpu, memory, "float16")})


def test_on_a_gpu_nothing_is_said_of_the_cpu(settings: EngineSettings) -> None:
    environment = build_environment(on_gpu(settings), {"PATH": "/bin"})
    assert not [name for name in environment if name.startswith("VLLM_CPU")]
    assert environment["HF_HUB_OFFLINE"] == "1"
    command = build_command(on_gpu(settings))
    assert "--enforce-eager" not in command
    assert command[command.index("--dtype") + 1] == "float16"
    assert "--enforce-eager" in build_command(settings)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_whether_an_engine_compiles_may_be_said(device: str, settings: EngineSettings) -> None:
    there = settings if device == "cpu" else on_gpu(settings)
    assert "--enforce-eager" in build_command(there.model_copy(update={"eager": True}))
    assert "--enforce-eager" not in build_command(there.model_copy(update={"eager": False}))


def test_an_engine_sees_its_own_gpu_counted_as_the_driver_counts(settings: EngineSettings) -> None:
    environment = build_environment(on_gpu(settings), {})
    assert (environment["CUDA_VISIBLE_DEVICES"], environment["CUDA_DEVICE_ORDER"]) == ("1", "PCI_BUS_ID")


def test_who_chose_gpus_chose_their_order_too(settings: EngineSettings) -> None:
    environment = build_environment(on_gpu(settings), {"CUDA_VISIBLE_DEVICES": "3,1"})
    assert environment["CUDA_VISIBLE_DEVICES"] == "1"
    assert "CUDA_DEVICE_ORDER" not in environment


def test_an_engine_without_a_gpu_of_its_own_sees_what_was_visible(settings: EngineSettings) -> None:
    assert "CUDA_VISIBLE_DEVICES" not in build_environment(on_gpu(settings, None), {})
    assert build_environment(settings, {"CUDA_VISIBLE_DEVICES": "3"})["CUDA_VISIBLE_DEVICES"] == "3"


def test_an_engine_is_held_to_its_share_of_a_gpu(settings: EngineSettings) -> None:
    command = build_command(on_gpu(settings, memory=0.45))
    assert command[command.index("--gpu-memory-utilization") + 1] == "0.45"
    assert "--gpu-memory-utilization" not in build_command(on_gpu(settings))


@pytest.mark.parametrize(
    ("installed", "named", "cuda"),
    [
        ({"vllm-cpu": "0.32.0"}, "vllm-cpu 0.32.0", False),
        ({"vllm": "0.32.0"}, "vllm 0.32.0", True),
        ({"vllm": "0.32.0", "vllm-cpu": "0.31.0"}, "vllm 0.32.0", True),
        ({"vllm": "0.32.0+cpu"}, "vllm 0.32.0+cpu", False),
        ({}, None, False),
    ],
)
def test_the_package_that_runs_is_named_and_says_whether_gpus_are_of_use(
    installed: dict[str, str], named: str | None, cuda: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(package: str) -> str:
        if package in installed:
            return installed[package]
        raise metadata.PackageNotFoundError(package)

    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setattr(vllm_engine, "cards", lambda: (Card("0", "GPU-1", "H200"),))
    assert engine_package() == named
    assert bool(engine_cards()) == cuda


def test_an_engine_that_answers_is_healthy_and_tells_how_far_it_is(settings: EngineSettings) -> None:
    seen: list[tuple[int, int, str]] = []
    with fake(settings) as engine:
        engine.wait_healthy(lambda *report: seen.append(report))
        assert engine.alive()
        assert engine.endpoint.url == f"http://127.0.0.1:{settings.port}"
    assert seen[-1][0] == seen[-1][1] > 0
    assert not engine.alive()


def test_stop_leaves_no_process_of_the_tree(settings: EngineSettings, started: list[int]) -> None:
    with fake(settings) as engine:
        engine.wait_healthy()
        started += wait_for_tree(engine)
    assert [pid for pid in started if is_running(pid)] == []


def test_stop_kills_processes_that_ignore_sigterm_even_in_their_own_session(
    settings: EngineSettings, started: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vllm_engine, "_GRACE_S", 0.5)
    with fake(settings, "stubborn") as engine:
        engine.wait_healthy()
        started += wait_for_tree(engine)
    assert [pid for pid in started if is_running(pid)] == []


def test_an_engine_stops_when_its_owner_is_killed(settings: EngineSettings, started: list[int]) -> None:
    owner = subprocess.Popen([sys.executable, "-c", _OWNER, settings.model_dump_json(), str(FAKE)])
    try:
        deadline = time.monotonic() + 20
        while len(tree := descendants(owner.pid)) < 4:  # guard, engine, child, grandchild
            assert time.monotonic() < deadline
            assert owner.poll() is None
            time.sleep(0.02)
        started += tree
    finally:
        owner.kill()
        owner.wait()
    assert wait_until_gone(started, 10.0) == []


def test_an_engine_dies_with_its_guard_and_stop_ends_its_children(
    settings: EngineSettings, started: list[int]
) -> None:
    with fake(settings) as engine:
        engine.wait_healthy()
        started += wait_for_tree(engine)
        guard, server = started[:2]
        os.kill(guard, signal.SIGKILL)
        assert wait_until_gone([server], 5.0) == []
        assert not engine.alive()
    assert wait_until_gone(started, 5.0) == []


def test_an_engine_that_dies_at_start_says_its_last_words_and_where_its_log_is(
    settings: EngineSettings,
) -> None:
    with fake(settings, "die") as engine, pytest.raises(EngineFailed) as caught:
        engine.wait_healthy()
    assert "status 3" in str(caught.value)
    assert "no room for the weights" in str(caught.value)
    assert str(settings.log_file) in caught.value.hint


def test_an_engine_that_never_answers_fails_after_its_time(
    settings: EngineSettings, started: list[int]
) -> None:
    impatient = settings.model_copy(update={"start_timeout_s": 1.0})
    with fake(impatient, "mute") as engine:
        started += wait_for_tree(engine)
        with pytest.raises(EngineFailed, match="healthy within 1 s"):
            engine.wait_healthy()
    assert [pid for pid in started if is_running(pid)] == []


def test_a_taken_port_is_refused_before_anything_starts(settings: EngineSettings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", settings.port))
        taken.listen()
        engine = fake(settings)
        with pytest.raises(PortTaken, match=str(settings.port)):
            engine.start()
    assert not engine.alive()
    assert not settings.log_file.exists()


def test_a_changed_folder_is_not_served(settings: EngineSettings) -> None:
    (settings.folder / "model.safetensors").write_bytes(b"other weights")
    engine = fake(settings)
    with pytest.raises(AttestationError, match=r"model\.safetensors"):
        engine.start()
    assert not engine.alive()


def test_an_adapter_of_another_base_is_not_served(settings: EngineSettings, tmp_path: Path) -> None:
    adapter = tmp_path / "candidate" / "adapter"
    adapter.mkdir(parents=True)
    (adapter / "adapter_model.safetensors").write_bytes(b"delta")
    write_manifest(adapter.parent, kind="candidate", name="c", base_sha256="0" * 64)
    with pytest.raises(AttestationError, match="trained on base 0000"):
        fake(settings.model_copy(update={"adapters": {"c": adapter}})).start()


@pytest.mark.parametrize("where", ["adapter", "candidate/adapter"])
def test_a_name_with_a_hash_is_never_given_to_another_content(
    where: str, settings: EngineSettings, tmp_path: Path
) -> None:
    adapter = tmp_path / where
    owner = adapter if where == "adapter" else adapter.parent
    adapter.mkdir(parents=True)
    (adapter / "adapter_model.safetensors").write_bytes(b"delta")
    base = read_manifest(settings.folder).sha256
    sha256 = write_manifest(owner, kind="adapter", name="lora", base_sha256=base).sha256

    def serving(name: str) -> VllmEngine:
        return fake(settings.model_copy(update={"adapters": {name: adapter}}))

    for name in (f"lora@{'0' * 12}", f"lora@{sha256[:11]}x", "lora@"):
        with pytest.raises(AttestationError, match=rf"expected sha256 .*found {sha256[:12]}"):
            serving(name).start()
    with serving(f"lora@{sha256[:12]}") as engine:
        assert engine.alive()
    (adapter / "adapter_model.safetensors").write_bytes(b"trained again")
    write_manifest(owner, kind="adapter", name="lora", base_sha256=base)
    with pytest.raises(AttestationError, match=f"expected sha256 {sha256[:12]}"):
        serving(f"lora@{sha256[:12]}").start()


def test_no_adapter_is_replaced_in_an_engine_that_runs(settings: EngineSettings) -> None:
    environment = build_environment(settings, {"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1"})
    assert environment["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] == "0"


def test_an_engine_is_healthy_only_with_all_its_adapters(settings: EngineSettings, tmp_path: Path) -> None:
    (tmp_path / "lora").mkdir()
    base = read_manifest(settings.folder).sha256
    write_manifest(tmp_path / "lora", kind="adapter", name="lora", base_sha256=base)
    without = settings.model_copy(update={"adapters": {"lora": tmp_path / "lora"}, "start_timeout_s": 1.0})
    with fake(without) as engine, pytest.raises(EngineFailed, match="healthy within 1 s"):
        engine.wait_healthy()


_OWNER = """
import sys, time
from serving.engines.vllm_engine import EngineSettings, VllmEngine
settings = EngineSettings.model_validate_json(sys.argv[1])
VllmEngine(settings, command=[sys.executable, sys.argv[2], str(settings.port), "serve"]).start()
time.sleep(600)
"""
