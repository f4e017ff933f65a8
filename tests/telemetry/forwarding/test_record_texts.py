"""A record's texts: every one is treated, and what that costs has one bound for all of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.events import InteractionRecorded, TextPolicy
from telemetry.forwarding import record_texts
from telemetry.forwarding.interactions import to_interaction
from telemetry.forwarding.record_texts import LEAST_COST, MOST_REDACTED, RecordTexts
from telemetry.privacy import apply
from tests.telemetry.samples import chat_request, raw

SLOW = "DE12 "
"""What patterns take longest over."""


@pytest.mark.parametrize("policy", ["full", "redacted", "hashed"])
def test_every_text_in_a_json_value_is_treated_and_nothing_else(policy: TextPolicy) -> None:
    value = {"a@b.example": ["x@y.example", 1, None, True, {"deep": "sk-abcdefghijklmnop1234"}], "n": 0.5}
    treated = str(RecordTexts(policy).json(value))
    assert "sk-abc" not in treated
    assert ("x@y" in treated) == (policy == "full")
    assert all(kept in treated for kept in ("1, None, True", "0.5"))


class Work:
    """Stands in for `apply`: the characters that patterns were tried on, and how many texts were looked at."""

    def __init__(self) -> None:
        self.characters = self.texts = 0

    def __call__(self, text: str, policy: TextPolicy) -> str:
        self.texts += 1
        self.characters += len(text) if policy == "redacted" else 0
        return text


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    counted = Work()
    monkeypatch.setattr(record_texts, "apply", counted)
    return counted


def redacted(request: dict[str, Any]) -> InteractionRecorded:
    return to_interaction(raw(json.dumps({"model": "m", **request}).encode()), "redacted")


LONG = SLOW * 20_000
TOO_MUCH = {
    "messages": {"messages": [{"role": "user", "content": LONG}] * 30},
    "parts of a message": {"messages": [{"role": "user", "content": [{"type": "text", "text": LONG}] * 30}]},
    "short parts": {"messages": [{"role": "user", "content": [SLOW] * 90_000}]},
    "tool calls": {"messages": [{"role": "assistant", "tool_calls": [LONG] * 30}]},
    "one parameter": {"messages": [], "tools": [{"description": LONG}] * 30},
    "short texts in one": {"messages": [], "stop": [SLOW] * 90_000},
    "names in one": {"messages": [], "logit_bias": {f"{SLOW}{n}": 1 for n in range(90_000)}},
    "arrays in one": {"messages": [], "stop": [[SLOW]] * 90_000},
    "prompts": {"prompt": [[SLOW]] * 90_000},
}


@pytest.mark.parametrize("request_body", TOO_MUCH.values(), ids=TOO_MUCH)
def test_no_record_makes_redacting_work_without_a_bound(request_body: dict[str, Any], work: Work) -> None:
    found = redacted(request_body)
    assert 0 < work.characters <= MOST_REDACTED
    assert work.texts <= MOST_REDACTED / LEAST_COST
    leaves = found.model_dump_json()
    digests = leaves.count("too many to redact, blake2b ")
    assert 1 <= digests <= 60, "what is left of many is one digest"


def test_many_parameters_are_not_told_by_name_one_by_one() -> None:
    found = redacted({"messages": [], **{f"a{n}@example.org": n for n in range(5000)}})
    assert len(found.parameters) <= 101
    assert "@" not in str(found.parameters)


def test_what_is_judged_is_redacted_before_there_is_no_room(work: Work) -> None:
    turns = [{"role": "user", "content": f"{turn} {LONG}"} for turn in range(30)]
    found = redacted({"messages": turns, "stop": ["end"]})
    assert found.answer.text == "Paris."
    assert [m.content[:2] for m in found.messages[-3:]] == ["27", "28", "29"]
    assert all(m.content.startswith("[") for m in found.messages[:-3])
    assert work.characters > MOST_REDACTED - 2 * len(LONG)


@settings(max_examples=50)
@given(
    st.recursive(
        st.text(max_size=30) | st.integers(),
        lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=30), inner, max_size=4),
        max_leaves=20,
    ),
    st.integers(0, 400),
)
def test_whatever_a_value_holds_its_room_is_never_overdrawn(value: Any, room: int) -> None:
    texts = RecordTexts("redacted", room)
    texts.json(value)
    assert texts.room >= 0
    plenty = RecordTexts("redacted")
    assert plenty.json(value) == _all(value)


def _all(value: Any) -> Any:
    if isinstance(value, str):
        return apply(value, "redacted")
    if isinstance(value, list):
        return [_all(item) for item in value]
    return {_all(n): _all(m) for n, m in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize("policy", ["full", "hashed"])
def test_the_bound_is_of_redacting_alone(policy: TextPolicy) -> None:
    many = [SLOW] * 3
    assert RecordTexts(policy, room=0).json(many) == [apply(SLOW, policy)] * 3


def test_an_ordinary_record_leaves_as_before() -> None:
    found = to_interaction(raw(chat_request("write to bob@example.org", stop=["a"])), "redacted")
    assert (found.messages[0].content, found.parameters["stop"]) == ("write to [email]", ["a"])
