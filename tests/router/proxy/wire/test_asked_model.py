"""The model that a request asks for is the one that `json` would read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.proxy.wire import asked_model as module
from router.proxy.wire.asked_model import asked_model
from router.proxy.wire.client import TooDeep


class _Pairs:
    """An object with its keys in order, some of them twice."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        self.pairs = pairs


NAMES = st.sampled_from(["model", "m", "mode", "", '"model"', '\\"model\\":', "messages"])
LEAVES = st.none() | st.integers(-9, 9) | st.text(max_size=6) | NAMES | st.just('{"model":"x"}')
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(NAMES, inner), max_size=3).map(_Pairs),
)
KEYS = st.sampled_from(["model"] * 4 + ["m", "", '"model"', "messages"])
BODIES = st.lists(st.tuples(KEYS, NAMES | VALUES), min_size=1, max_size=4).map(_Pairs) | VALUES
SPACES = st.sampled_from(["", " ", "\n", "\t \r"])


def written(draw: st.DataObject, value: Any) -> str:
    """JSON as some client might write it: with space, escapes, and keys that come twice."""
    space = draw.draw(SPACES)
    if isinstance(value, _Pairs):
        members = [f"{_string(draw, key)}{space}:{space}{written(draw, inner)}" for key, inner in value.pairs]
        return "{" + space + f"{space},{space}".join(members) + space + "}"
    if isinstance(value, list):
        return "[" + space + f",{space}".join(written(draw, inner) for inner in value) + "]"
    return _string(draw, value) if isinstance(value, str) else json.dumps(value)


def _string(draw: st.DataObject, text: str) -> str:
    ascii_only, escaped = draw.draw(st.booleans()), draw.draw(st.sampled_from("~~~~mde"))
    letters = (
        f"\\u{ord(c):04x}" if c == escaped else json.dumps(c, ensure_ascii=ascii_only)[1:-1] for c in text
    )
    return f'"{"".join(letters)}"'


def by_json(body: bytes) -> str | None:
    fields = json.loads(body)
    model = fields.get("model") if isinstance(fields, dict) else None
    return model if isinstance(model, str) else None


@given(value=BODIES, draw=st.data())
def test_it_is_what_json_reads(value: Any, draw: st.DataObject) -> None:
    text = draw.draw(SPACES) + written(draw, value) + draw.draw(SPACES)
    encoding = draw.draw(
        st.sampled_from(["utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32-be"])
    )
    body = text.encode(encoding, "surrogatepass")
    assert asked_model(body) == by_json(body)


@given(body=st.binary(max_size=40) | st.text('{}[]":,\\model u0061', max_size=40).map(str.encode))
def test_no_body_is_too_odd_to_be_looked_at(body: bytes) -> None:
    found = asked_model(body)
    assert found is None or isinstance(found, str)


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"m","messages":[]}',
        b'{"messages":[{"role":"user","content":"say \\"model\\": yes"}],"model":"m","stream":true}',
        b'{"tools":[{"properties":{"model":{"type":"string"}}}],"messages":[],"model":"m"}',
    ],
    ids=["first", "after the messages", "beside a tool's"],
)
def test_the_usual_bodies_are_not_parsed_whole(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    def never(_: bytes) -> None:
        raise AssertionError

    monkeypatch.setattr(module, "_parsed", never)
    assert asked_model(body) == "m"


@pytest.mark.parametrize("before", [b"", b'"x":1,'])
def test_what_is_nested_too_deep_to_be_parsed_is_said_to_be(before: bytes) -> None:
    with pytest.raises(TooDeep):
        asked_model(b"{" + before + b'"m\\u006fdel":' + b"[" * 100_000)


def test_a_long_body_costs_no_parse_where_the_model_comes_first() -> None:
    long = b'{"model":"m","messages":[{"content":"' + b"x" * (4 << 20) + b'"}]}'
    assert asked_model(long) == "m"
    assert asked_model(long[:-1] + b',"model":"n"}') == "n"
    assert asked_model(b'{"messages":' + long + b"}") is None
