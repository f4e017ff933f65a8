"""What a machine that loses power keeps, by policy. The disk here forgets what nobody synced."""

from __future__ import annotations

import errno
import os
import threading
import time
from pathlib import Path

import pytest

from telemetry.errors import SpoolError
from telemetry.spool import syncing
from telemetry.spool.disk import Disk
from telemetry.spool.folder import segment_numbers, segment_path
from telemetry.spool.reader import SpoolReader
from telemetry.spool.syncing import SyncPolicy
from telemetry.spool.writer import Spool

MB = 1024 * 1024


class ForgetfulDisk(Disk):
    """A disk behind a page cache: `lose_power` leaves of each file what was synced, and no file whose name was not."""

    def __init__(self) -> None:
        self._paths: dict[int, Path] = {}
        self._kept: dict[Path, int] = {}
        self._named: set[Path] = set()
        self.syncs: list[str] = []
        self.broken = False

    def create(self, path: Path) -> int:
        file = super().create(path)
        self._paths[file], self._kept[path] = path, 0
        return file

    def fdatasync(self, file: int) -> None:  # type: ignore[override]  # the real one is a static function
        if self.broken:
            raise OSError(errno.EIO, "Input/output error")
        self._kept[self._paths[file]] = os.fstat(file).st_size
        self.syncs.append(threading.current_thread().name)

    def sync_folder(self, folder: Path) -> None:  # type: ignore[override]  # as above
        self._named |= {segment_path(folder, number) for number in segment_numbers(folder)}

    def has_all(self) -> bool:
        return all(path in self._named and path.stat().st_size == kept for path, kept in self._kept.items())

    def lose_power(self) -> None:
        for path, size in self._kept.items():
            if path in self._named and path.exists():
                os.truncate(path, min(size, path.stat().st_size))
            else:
                path.unlink(missing_ok=True)


def left_after_power_cut(folder: Path, disk: ForgetfulDisk) -> int:
    disk.lose_power()
    with Spool(folder, 10 * MB), SpoolReader(folder) as reader:
        found = reader.read(10_000)
    assert all(record.error is None for record in found)
    assert [record.payload for record in found] == [b"record %d" % number for number in range(len(found))]
    return len(found)


def append(spool: Spool, first: int, count: int) -> None:
    for number in range(first, first + count):
        spool.append(b"record %d" % number)


def stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread syncs unless the test says so."""
    monkeypatch.setattr(syncing, "INTERVAL_S", 3600.0)


def test_always_keeps_every_record_whose_append_returned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped(monkeypatch)
    disk = ForgetfulDisk()
    spool = Spool(tmp_path / "s", 10 * MB, segment_bytes=200, sync="always", disk=disk)
    append(spool, 0, 50)
    disk.lose_power()
    spool.close()
    assert left_after_power_cut(tmp_path / "s", disk) == 50


def test_interval_has_everything_durable_soon_and_syncs_beside_the_writer(tmp_path: Path) -> None:
    disk = ForgetfulDisk()
    spool = Spool(tmp_path / "s", 10 * MB, segment_bytes=200, disk=disk)
    append(spool, 0, 30)
    deadline = time.monotonic() + 10
    while not disk.has_all():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    disk.lose_power()
    assert set(disk.syncs) == {"spool-sync"}
    spool.close()
    assert left_after_power_cut(tmp_path / "s", disk) == 30


def test_interval_loses_only_what_came_after_the_last_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped(monkeypatch)
    disk = ForgetfulDisk()
    spool = Spool(tmp_path / "s", 10 * MB, segment_bytes=200, disk=disk)
    append(spool, 0, 30)
    spool._syncer.round()
    append(spool, 30, 5)
    disk.lose_power()
    disk.broken = True  # the machine is off: closing makes nothing durable
    spool.close()
    # What came after was in the last segment, which had its name, or in later ones, which did not.
    assert left_after_power_cut(tmp_path / "s", disk) == 30


def test_never_syncs_nothing(tmp_path: Path) -> None:
    disk = ForgetfulDisk()
    spool = Spool(tmp_path / "s", 10 * MB, segment_bytes=200, sync="never", disk=disk)
    append(spool, 0, 30)
    spool._syncer.round()
    spool.close()
    assert disk.syncs == []
    disk.lose_power()
    assert segment_numbers(tmp_path / "s") == []


@pytest.mark.parametrize("policy", ["never", "interval"])
def test_no_record_waits_for_the_disk_but_under_always(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: SyncPolicy
) -> None:
    stopped(monkeypatch)
    disk = ForgetfulDisk()
    disk.broken = True
    with Spool(tmp_path, 10 * MB, segment_bytes=200, sync=policy, disk=disk) as spool:
        append(spool, 0, 30)
        assert disk.syncs == []
        disk.broken = False


def test_a_disk_that_cannot_be_synced_is_said_once_and_costs_no_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stopped(monkeypatch)
    disk = ForgetfulDisk()
    disk.broken = True
    with Spool(tmp_path, 10 * MB, sync="interval", disk=disk) as spool:
        for number in range(3):
            append(spool, number, 1)
            spool._syncer.round()
        assert caplog.text.count("is not made durable: [Errno 5]") == 1
        disk.broken = False
        spool._syncer.round()
        assert disk.syncs
    with SpoolReader(tmp_path) as reader:
        assert len(reader.read(10)) == 3


def test_under_always_a_record_that_is_not_durable_is_an_error_and_no_place_is_used_again(
    tmp_path: Path,
) -> None:
    disk = ForgetfulDisk()
    with Spool(tmp_path, 10 * MB, sync="always", disk=disk) as spool:
        disk.broken = True
        with pytest.raises(SpoolError, match="Input/output error"):
            spool.append(b"first")
        disk.broken = False
        spool.append(b"second")
    with SpoolReader(tmp_path) as reader:
        assert [record.payload for record in reader.read(10)] == [b"first", b"second"]
