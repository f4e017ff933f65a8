"""What the user asked last, of a request's body and of an interaction: the same text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.forwarding.interactions import to_interaction
from telemetry.prompts import LARGEST_BODY, prompt_in, prompt_of
from tests.telemetry.samples import raw

WORDS = st.text("abc é漢\n", max_size=8)
CONTENT = WORDS | st.lists(st.builds(lambda text: {"type": "text", "text": text}, WORDS), max_size=3)
TURN = st.fixed_dictionaries({"role": st.sampled_from(["system", "user", "assistant"]), "content": CONTENT})
REQUEST = st.builds(lambda turns: {"messages": turns}, st.lists(TURN, max_size=4)) | st.builds(
    lambda prompt: {"prompt": prompt}, WORDS | st.lists(WORDS, max_size=3)
)


@given(REQUEST)
def test_the_router_looks_at_the_text_that_taggers_and_judges_look_at(request_body: dict[str, Any]) -> None:
    body = json.dumps(request_body).encode()
    assert prompt_in(body) == prompt_of(to_interaction(raw(body), "full"))


def test_an_interaction_without_a_word_of_the_user_has_no_prompt() -> None:
    body = json.dumps({"messages": [{"role": "system", "content": "be kind"}]}).encode()
    assert prompt_of(to_interaction(raw(body), "full")) == ""


@pytest.mark.parametrize(
    ("request_body", "expected"),
    [
        ({"messages": [{"role": "user", "content": "one"}, {"role": "user", "content": "two"}]}, "two"),
        ({"messages": [{"role": "user", "content": "ask"}, {"role": "assistant", "content": "so"}]}, "ask"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"x": 1}]}]}, "a"),
        ({"messages": [{"role": "system", "content": "be kind"}]}, ""),
        ({"messages": "odd", "prompt": "p"}, "p"),
        ({"prompt": ["p", "q"]}, "p\nq"),
        ({"prompt": [1, 2]}, ""),
        ([1], ""),
    ],
)
def test_the_prompt_is_what_the_user_asked_last(request_body: Any, expected: str) -> None:
    assert prompt_in(json.dumps(request_body).encode()) == expected


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 100_000, b'{"prompt": "x"}' + b" " * LARGEST_BODY])
def test_a_body_that_is_no_json_or_too_large_has_no_prompt(body: bytes) -> None:
    assert prompt_in(body) == ""
