import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.errors import UnreadableRecord
from telemetry.spool.raw_record import RawRecord, unpack
from tests.telemetry.samples import raw


@given(st.binary(), st.binary(), st.binary())
def test_a_packed_record_comes_back_as_it_was(
    request_body: bytes, response_body: bytes, shadow_body: bytes
) -> None:
    record = RawRecord(raw().meta, request_body, response_body, shadow_body)
    assert unpack(record.pack()) == record


@given(st.data())
def test_a_cut_record_is_unreadable_wherever_it_is_cut(data: st.DataObject) -> None:
    packed = raw().pack()
    with pytest.raises(UnreadableRecord, match="ends"):
        unpack(packed[: data.draw(st.integers(0, len(packed) - 1))])


@given(st.binary(max_size=200))
def test_any_bytes_are_a_record_or_unreadable(payload: bytes) -> None:
    with contextlib.suppress(UnreadableRecord):
        assert unpack(payload).meta == unpack(unpack(payload).pack()).meta


def test_what_follows_a_record_makes_it_unreadable() -> None:
    with pytest.raises(UnreadableRecord, match="is followed by 3"):
        unpack(raw().pack() + b"abc")
    with pytest.raises(UnreadableRecord, match="a JSON list, expected an object"):
        unpack(b"\x02\0\0\0[]" + b"\0\0\0\0" * 3)
