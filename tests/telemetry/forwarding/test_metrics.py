from __future__ import annotations

import threading
import time
from pathlib import Path

from telemetry.bus.memory_bus import MemoryBus
from telemetry.events import now
from telemetry.forwarding.forwarder import Forwarder, ForwardSettings
from telemetry.forwarding.metrics import ForwarderMetrics
from telemetry.spool.reader import SpoolReader
from telemetry.spool.writer import Spool
from tests.exported import exported
from tests.telemetry.samples import raw


def forwarder(folder: Path, bus: MemoryBus, stop: threading.Event) -> Forwarder:
    return Forwarder(ForwardSettings(spool_folder=folder), bus, SpoolReader(folder), stop)


def test_what_left_is_counted_with_its_bytes_its_age_and_the_time_that_it_took(tmp_path: Path) -> None:
    payload = raw().pack()
    with Spool(tmp_path, 1 << 20) as spool:
        for each in (payload, payload, b"nonsense"):
            spool.append(each)
    one = forwarder(tmp_path, MemoryBus(), threading.Event())
    assert one.step()
    assert not one.step()
    one.tell(at_once=True)
    found = exported(ForwarderMetrics(one.status, one.counts))
    assert found["belay_forwarder_records_total",] == 3
    assert found["belay_forwarder_bytes_total",] == 2 * len(payload) + len(b"nonsense")
    assert found["belay_dead_letters_total", "forwarder"] == 1
    assert found["belay_forwarder_batch_seconds_count",] == 1
    assert found["belay_forwarder_record_age_seconds_count",] == 1
    assert found["belay_forwarder_oldest_unsent_seconds",] == 0
    assert found["belay_spool_unsent_bytes",] == 0
    assert found["belay_forwarder_broker_up",] == 1


def test_what_cannot_leave_grows_older(tmp_path: Path) -> None:
    bus, stop = MemoryBus(), threading.Event()
    made = raw()
    made.meta["time"] = now().isoformat()
    with Spool(tmp_path, 1 << 20) as spool:
        spool.append(made.pack())
    one = forwarder(tmp_path, bus, stop)
    bus.down = True
    stop.set()
    assert not one.step()
    one.tell(at_once=True)
    found = exported(ForwarderMetrics(one.status, one.counts, lambda: time.time() + 3600.0))
    assert 3600 <= found["belay_forwarder_oldest_unsent_seconds",] < 3660
    assert found["belay_forwarder_failures_total",] == 1
    assert found["belay_forwarder_broker_up",] == 0
    assert found["belay_spool_unsent_bytes",] > 0
    assert found["belay_forwarder_records_total",] == 0
