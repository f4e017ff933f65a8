"""Usage is asked for where a stream is wanted whose client says nothing of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from router.proxy.wire.usage import asking_for_usage

ASKED = {"include_usage": True}
KEYS = st.sampled_from(["stream", "model", "messages", "x", "a\\b"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
BODIES = st.lists(st.tuples(KEYS, JSON | st.just(True)), max_size=5).map(dict)


@given(BODIES, st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t:\r\n")]))
@example({"messages": [{"role": "user"}], "stream": True, "tools": [{"type": "function"}]}, (",", ":"))
@example({"messages": [], "model": "m", "stream": True}, (",", ":"))
@example({"stream": True, "messages": [{"content": '"stream": true}'}]}, (",", ":"))
@example({"x": {"stream": True}}, (",", ":"))
@example({"stream": True, "x": {"stream": False}}, (",", ":"))
def test_a_body_asks_for_usage_where_it_wants_a_stream_and_is_else_the_same(
    fields: dict[str, Any], separators: tuple[str, str]
) -> None:
    body = json.dumps(fields, separators=separators).encode()
    asking = asking_for_usage(body)
    assert (asking is not None) == (fields.get("stream") is True)
    if asking is not None:
        assert json.loads(asking) == fields | {"stream_options": ASKED}
        assert asking.startswith(body.rstrip()[:-1])


@pytest.mark.parametrize(
    "body",
    [
        b'{"stream": true, "stream_options": {"include_usage": false}}',
        b'{"stream": true, "stream_options": null}',
        b'{"stream": false}',
        b'{"stream": true',
        b'{"messages": [], "stream": true} and more',
        b'{"stream": true} {}',
        b'["stream", true]',
        b'{"stream": true, "stream": false}',
        rb'{"stream": true, "\u0073tream": false}',
        rb'{"stream_option\u0073": {"include_usage": true}, "stream": true}',
        rb'{"stream": true, "stream\u005Foptions": null, "model": "m"}',
        '{"stream": true}'.encode("utf-16"),
        b'{"stream": [], "x": %b' % (b"[" * 100_000),
        b"",
    ],
)
def test_what_says_what_it_wants_or_is_no_request_for_a_stream_stays_as_it_is(body: bytes) -> None:
    assert asking_for_usage(body) is None


def test_what_is_escaped_in_a_text_says_nothing_of_the_options() -> None:
    body = rb'{"stream": true, "messages": [{"content": "\u0073tream_option\u0073"}]}'
    asking = asking_for_usage(body)
    assert asking is not None
    assert json.loads(asking) == json.loads(body) | {"stream_options": ASKED}
