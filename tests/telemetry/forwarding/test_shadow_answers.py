"""A shadow's raw record becomes its event: which interaction it belongs to, and its answer under the policy."""

from __future__ import annotations

from pathlib import Path

import pytest

from telemetry.codec import decode
from telemetry.errors import UnreadableRecord
from telemetry.events import InteractionRecorded, ShadowAnswered, SpoolPlace
from telemetry.forwarding.outgoing import to_record
from telemetry.forwarding.shadow_answers import to_shadow_answer
from telemetry.spool.raw_record import unpack
from telemetry.spool.reader import SpoolReader
from telemetry.spool.writer import Spool
from tests.telemetry.samples import TIME, chat_answer, facts, raw, raw_shadow
from tests.telemetry.test_codec import as_record


def test_an_answer_names_its_interaction_and_has_its_key_and_an_id_that_repeats() -> None:
    record, place = raw_shadow("i-1", chat_answer("Paris.")), SpoolPlace(spool="a", segment=1, offset=2)
    found = to_shadow_answer(record, "full", place)
    assert (found.interaction_id, found.rollout_id, found.source, found.time) == (
        "i-1",
        "r1",
        "router-1",
        TIME,
    )
    assert (found.shadow.served_by, found.shadow.text, found.shadow.status) == ("candidate", "Paris.", 200)
    assert (found.spooled, found.text_policy) == (place, "full")
    assert found.key == found.assignment.subject == "ab" * 16
    assert found.event_id == to_shadow_answer(record, "hashed").event_id != "i-1"


def test_the_text_policy_holds_for_shadows_too() -> None:
    record = raw_shadow("i-1", chat_answer("Write to bob@example.org"))
    assert "bob@example.org" not in to_shadow_answer(record, "redacted").shadow.text


def test_a_shadow_that_failed_has_its_error_and_no_text() -> None:
    failed = facts(served_by="candidate", status=0, first_byte_ms=None, error="no answer within 120 s")
    shadow = to_shadow_answer(raw_shadow("i-1", b"", shadow=failed), "full").shadow
    assert (shadow.text, shadow.error) == ("", "no answer within 120 s")


def test_a_meta_that_no_router_writes_is_unreadable() -> None:
    with pytest.raises(UnreadableRecord, match="a raw shadow record's meta: assignment: Input should be"):
        to_shadow_answer(raw_shadow("i-1", assignment=None), "full")


def test_the_forwarder_tells_interactions_and_shadows_apart(tmp_path: Path) -> None:
    with Spool(tmp_path, 1 << 20) as spool:
        for record in (raw(event_id="i-1"), raw_shadow("i-1")):
            spool.append(record.pack())
    with SpoolReader(tmp_path) as reader:
        sent = [to_record(spooled, "full", "forwarder") for spooled in reader.read(10)]
    events = [decode(as_record(each.encoded)) for each in sent]
    assert [type(event) for event in events] == [InteractionRecorded, ShadowAnswered]
    assert [each.dead for each in sent] == [False, False]
    assert all(event.spooled is not None for event in events if isinstance(event, ShadowAnswered))


def test_a_record_says_whether_it_is_a_shadow_also_when_it_was_packed() -> None:
    assert [unpack(r.pack()).is_shadow for r in (raw(), raw_shadow("i-1"))] == [False, True]
