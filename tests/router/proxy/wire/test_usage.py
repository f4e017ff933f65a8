"""Usage is asked for where a stream is wanted, and what the client gets is what it would have got without."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from router.proxy.wire.lines import Lines
from router.proxy.wire.usage import UsageTaken, asking_for_usage
from tests.router.proxy.fakes import DONE, event

ASKED = {"include_usage": True}
USAGE = (
    b'data: {"id":"c-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],'
    b'"usage":{"prompt_tokens":5,"total_tokens":12,"completion_tokens":7}}\n\n'
)
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
        '{"stream": true}'.encode("utf-16"),
        b'{"stream": [], "x": %b' % (b"[" * 100_000),
        b"",
    ],
)
def test_what_says_what_it_wants_or_is_no_request_for_a_stream_stays_as_it_is(body: bytes) -> None:
    assert asking_for_usage(body) is None


def shown(stream: bytes, cuts: list[int]) -> bytes:
    """What a client is shown of a stream that was read in these pieces."""
    lines, taken, places = Lines(), UsageTaken(), [0, *sorted(cuts), len(stream)]
    pieces = [stream[a:b] for a, b in itertools.pairwise(places)]
    return b"".join(
        taken.part(lines.part(piece, last=number == len(pieces) - 1)) for number, piece in enumerate(pieces)
    )


@given(st.lists(st.integers(0, 700), max_size=8), st.sampled_from([b"\n", b"\r\n"]))
def test_the_client_has_the_stream_without_the_event_however_it_is_cut(cuts: list[int], end: bytes) -> None:
    without = event("a") + event('"usage": "choices":[]') + DONE
    stream = event("a") + event('"usage": "choices":[]') + USAGE + DONE
    stream, without = stream.replace(b"\n", end), without.replace(b"\n", end)
    if end == b"\r\n":  # a piece may end between the two, and is then read as a line of its own
        cuts = [cut for cut in cuts if stream[cut - 1 : cut + 1] != end]
    assert shown(stream, cuts) == without


@pytest.mark.parametrize(
    "kept",
    [
        b'data: {"choices":[{"delta":{"content":"x"}}],"usage":{"total_tokens":1}}\n\n',
        b'data: {"choices":[],"prompt_filter_results":[]}\n\n',
        b'data: {"choices":[],"usage":null}\n\n',
        b'data: "usage"\n\n',
        b': "usage"\n\n',
        b"data: usage {\n\n",
    ],
)
def test_events_that_are_none_of_usage_alone_stay(kept: bytes) -> None:
    assert shown(kept + DONE, []) == kept + DONE
