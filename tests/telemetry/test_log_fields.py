from __future__ import annotations

import threading

import pytest

from telemetry.log_fields import about, fields_now, known


def test_what_is_not_known_is_no_field() -> None:
    assert known(rollout_id="r1", decision_id=None) == {"rollout_id": "r1"}


def test_fields_end_with_their_block_also_where_it_raises() -> None:
    def fail() -> None:
        with about(rollout_id="r1"):
            assert fields_now() == {"rollout_id": "r1"}
            raise ValueError("no good")

    with pytest.raises(ValueError, match="no good"):
        fail()
    assert fields_now() == {}


def test_a_thread_begins_with_none() -> None:
    seen: list[object] = []
    with about(rollout_id="r1"):
        thread = threading.Thread(target=lambda: seen.append(dict(fields_now())))
        thread.start()
        thread.join()
    assert seen == [{}]
