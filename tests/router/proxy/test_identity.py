"""Who asks is read from a body for the assignment, and stands in no record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.proxy.identity import end_user_and_rest
from router.proxy.wire.client import TooDeep
from telemetry.privacy import IDENTIFYING
from tests.router.proxy.fakes import BODY, CHAT, STREAM, rolling, says

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
BODIES = st.dictionaries(st.sampled_from([*sorted(IDENTIFYING), "model", "messages", "x"]) | st.text(), JSON)


@pytest.mark.parametrize(
    ("body", "user"),
    [
        (b'{"user": "ann"}', "ann"),
        (b'{"messages":[{"role":"user","content":"user"}],"user"\n :\t"ann"}', "ann"),
        (b'{"messages":[{"role":"user","content":"\\"user\\": x"}]}', None),
        (b'{"user": 7}', None),
        (b'{"user": "ann"', None),
        (b'["user": 1]', None),
        (b'[{"user": "ann"}]', None),
    ],
)
def test_the_bodys_user_counts_only_as_a_string_at_the_top(body: bytes, user: str | None) -> None:
    assert end_user_and_rest(body)[0] == user


@given(BODIES, st.booleans())
def test_everything_is_recorded_but_what_says_who_asks(fields: dict[str, Any], escaped: bool) -> None:
    body = json.dumps(fields, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    user, recorded = end_user_and_rest(body)
    assert json.loads(recorded) == {k: v for k, v in fields.items() if k not in IDENTIFYING}
    assert user == (fields["user"] if isinstance(fields.get("user"), str) else None)


def test_a_body_that_says_nothing_of_who_asks_is_recorded_as_it_came() -> None:
    body = b'{ "messages":[{"role":"user","content":"my metadata"}],\n"x": 1 }'
    assert end_user_and_rest(body)[1] is body


@pytest.mark.parametrize(
    "body",
    [
        b'{"\\u0075ser": "ann-7"}',
        b'{"met\\u0061data": {"mail": "ann-7"}}',
        '{"user": "ann-7"}'.encode("utf-16"),
        '{"metadata": "ann-7"}'.encode("utf-32-le"),
        b'{"user": "ann-7"',
        b'{"metadata": "ann-7", "x": %b' % (b"[" * 100_000),
    ],
    ids=["escaped", "escaped within", "utf-16", "utf-32", "cut", "deep"],
)
def test_another_spelling_or_a_body_that_cannot_be_read_brings_no_identity_into_the_record(
    body: bytes,
) -> None:
    recorded = end_user_and_rest(body)[1]
    assert b"ann-7" not in recorded.replace(b"\0", b"")


def test_a_body_that_names_its_user_and_is_nested_too_deep_is_refused() -> None:
    with pytest.raises(TooDeep):
        end_user_and_rest(b'{"user": "ann", "x": %b%b}' % (b"[" * 100_000, b"]" * 100_000))


@pytest.mark.parametrize("body", [BODY, STREAM], ids=["whole", "stream"])
async def test_user_and_metadata_reach_the_engine_and_not_the_spool(
    tmp_path: Path, body: dict[str, Any]
) -> None:
    personal = {"user": "ann@example.com", "metadata": {"account": "acc-4711"}, "safety_identifier": "ann-id"}
    async with rolling(tmp_path, says("x"), ask_usage=False) as (router, _, engine, http):
        await http.post(CHAT, json=body | personal)
        assert engine.asked[0].json() == body | personal
        (record,) = router.records()
        assert json.loads(record.request_body) == body
        assert record.meta["assignment"]["subject_source"] == "user"
        assert not any(value in record.pack() for value in (b"ann", b"acc-4711"))
