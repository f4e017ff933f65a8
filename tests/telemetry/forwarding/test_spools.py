"""All spools of a router as one: its folder's own, and those of several workers in it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from telemetry.bus.memory_bus import MemoryBus
from telemetry.codec import decode
from telemetry.errors import SpoolError
from telemetry.events import new_id
from telemetry.forwarding import spools as spools_module
from telemetry.forwarding.forwarder import Forwarder, ForwardSettings
from telemetry.forwarding.spools import Spools
from telemetry.spool.folder import segment_path, worker_folder
from telemetry.spool.reader import SpoolReader
from telemetry.spool.writer import Spool
from telemetry.topics import INTERACTIONS
from tests.telemetry.samples import raw

MB = 1 << 20


def write(folder: Path, *payloads: bytes) -> None:
    with Spool(folder, MB) as spool:
        for payload in payloads:
            spool.append(payload)


def read(spools: Spools, records: int = 100, size: int = MB) -> list[bytes]:
    return [one.payload for one in spools.read(records, size)]


def test_every_workers_spool_is_read_in_its_order_beside_the_folders_own(tmp_path: Path) -> None:
    write(tmp_path, b"own")
    write(worker_folder(tmp_path, 0), b"a1", b"a2")
    write(worker_folder(tmp_path, 10), b"b1", b"b2")
    with Spools(tmp_path) as spools:
        found = read(spools)
    assert sorted(found) == [b"a1", b"a2", b"b1", b"b2", b"own"]
    assert found.index(b"a1") < found.index(b"a2")


def test_a_worker_that_begins_later_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spools_module, "_LOOK_EVERY_S", 0.0)
    with Spools(tmp_path) as spools:
        assert read(spools) == []
        write(worker_folder(tmp_path, 3), b"late")
        assert read(spools) == [b"late"]


def test_a_full_batch_is_shared_and_no_spool_waits_for_another(tmp_path: Path) -> None:
    for number in range(3):
        write(worker_folder(tmp_path, number), *(b"%d" % number for _ in range(30)))
    with Spools(tmp_path) as spools:
        batches = [read(spools, records=4) for _ in range(4)]
    assert all(len(batch) <= 4 for batch in batches)
    assert {payload for batch in batches for payload in batch} == {b"0", b"1", b"2"}


def test_a_batch_of_one_byte_has_one_record(tmp_path: Path) -> None:
    for number in range(3):
        write(worker_folder(tmp_path, number), b"x" * 100)
    with Spools(tmp_path) as spools:
        assert len(read(spools, size=1)) == 1


def test_what_was_not_acknowledged_is_read_again_of_all(tmp_path: Path) -> None:
    for number in range(2):
        write(worker_folder(tmp_path, number), b"%d" % number)
    with Spools(tmp_path) as spools:
        assert sorted(read(spools)) == [b"0", b"1"]
        assert spools.lag_bytes() > 0
        spools.rewind()
        assert sorted(read(spools)) == [b"0", b"1"]
        spools.acknowledge()
        assert spools.lag_bytes() == 0
    with Spools(tmp_path) as spools:
        assert read(spools) == []


def test_losses_are_told_of_all(tmp_path: Path) -> None:
    for number in range(2):
        folder = worker_folder(tmp_path, number)
        write(folder, b"1", b"2", b"3")
        path = segment_path(folder, 1)
        data = bytearray(path.read_bytes())
        data[20] ^= 1  # within the first record: two follow it, so it is damage
        path.write_bytes(bytes(data))
        write(folder, b"4")
    with Spools(tmp_path) as spools:
        read(spools)
        losses = spools.losses()
    assert (losses.lost, losses.dropped, losses.torn) == (2, 0, 0)
    assert len(losses.latest(5)) == 2
    assert len(losses.latest(1)) == 1


def test_a_spool_that_has_a_reader_is_refused_and_none_is_kept(tmp_path: Path) -> None:
    write(worker_folder(tmp_path, 0), b"x")
    with (
        SpoolReader(worker_folder(tmp_path, 0)),
        pytest.raises(SpoolError, match="already has a reader"),
    ):
        Spools(tmp_path)
    with Spools(tmp_path) as spools:
        assert read(spools) == [b"x"]


def test_the_forwarder_sends_what_all_workers_wrote_once(tmp_path: Path) -> None:
    sent = [raw(event_id=new_id()) for _ in range(20)]
    for number in range(4):
        write(worker_folder(tmp_path, number), *(one.pack() for one in sent[number::4]))
    bus = MemoryBus()
    with Spools(tmp_path) as spools:
        forwarder = Forwarder(
            ForwardSettings(spool_folder=tmp_path, batch_records=7), bus, spools, threading.Event()
        )
        while forwarder.step():
            pass
    with bus.reader([INTERACTIONS]) as reader:
        found = [decode(record).event_id for record in reader.poll(0)]
    assert sorted(found) == sorted(one.meta["event_id"] for one in sent)
    assert forwarder.status.forwarded == 20
