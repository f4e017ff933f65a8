"""A second forwarder or router on one spool finds out, says so, and does no harm."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import yaml

from telemetry.bus.memory_bus import MemoryBus
from telemetry.forwarding.forwarder import Forwarder, ForwardSettings
from telemetry.spool.reader import SpoolReader
from telemetry.spool.writer import Spool
from tests.telemetry.samples import raw

MB = 1024 * 1024


def ended(command: str, folder: Path, **settings: object) -> subprocess.CompletedProcess[str]:
    """Run a process of ours until it ends by itself."""
    path = folder / f"{command}.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "belay", command, "--settings", str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    done.stderr = " ".join(done.stderr.split())  # it is laid out for the width of a terminal
    return done


def files(folder: Path) -> dict[str, bytes]:
    """All that a spool's folder holds, but for the number that its writer notes as it goes."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "written"}


def test_a_second_forwarder_ends_with_4_and_the_first_goes_on(tmp_path: Path) -> None:
    folder, bus = tmp_path / "spool", MemoryBus()
    settings = ForwardSettings(spool_folder=folder)
    with Spool(folder, MB) as spool, SpoolReader(folder) as reader:
        first = Forwarder(settings, bus, reader, threading.Event())
        spool.append(raw().pack())
        assert first.step()
        spool.append(raw().pack())
        before = files(folder)
        second = ended(
            "forward",
            tmp_path,
            spool_folder=str(folder),
            status_file=str(tmp_path / "status.json"),
            rollout_file=str(tmp_path / "rollout.json"),
        )
        assert second.returncode == 4
        assert f"the spool {folder} already has a reader" in second.stderr
        assert "stop the other process" in second.stderr
        assert "Traceback" not in second.stderr
        assert files(folder) == before
        assert not (tmp_path / "status.json").exists()
        assert not (tmp_path / "rollout.json").exists()
        assert first.step()
        assert first.status.forwarded == 2


def test_a_second_router_ends_with_4_and_the_first_goes_on(tmp_path: Path, free_port: int) -> None:
    folder = tmp_path / "spool"
    with Spool(folder, MB) as spool, SpoolReader(folder) as reader:
        spool.append(b"before")
        before = files(folder)
        nowhere = "http://127.0.0.1:9"
        second = ended(
            "router",
            tmp_path,
            port=free_port,
            control={"arm": "control", "url": nowhere},
            candidate={"arm": "candidate", "url": nowhere},
            rollout_file=str(tmp_path / "rollout.json"),
            spool_folder=str(folder),
        )
        assert second.returncode == 4
        assert f"the spool {folder} already has a writer" in second.stderr
        assert "Traceback" not in second.stderr
        assert files(folder) == before
        spool.append(b"after")
        assert [record.payload for record in reader.read(10)] == [b"before", b"after"]
