"""A conversation is tagged by its last turn; those before it speak only where it leans on them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from evaluator.judge.tagging.conversations import LEANING, tag_conversations, tag_interactions
from evaluator.judge.tagging.tagger import Tag
from telemetry.events import Message
from tests.evaluator.support.interactions import interaction


class ByWord:
    """Tags "refund" and "sum"; "joke" is known to be of none."""

    def tag(self, prompts: Sequence[str]) -> list[Tag]:
        return [self._tag(prompt) for prompt in prompts]

    def _tag(self, prompt: str) -> Tag:
        for word, name in (("refund", "support"), ("sum", "sums")):
            if word in prompt:
                return Tag(name, 0.9)
        return Tag(None, 0.1, elsewhere="joke" in prompt)


@pytest.mark.parametrize(
    ("turns", "capability"),
    [
        (["the refund?", "what is the sum of 1 and 2"], "sums"),
        (["the sum of 1 and 2?", "and of 5 and 6?"], "sums"),
        (["the refund?", "thanks, tell me a joke"], None),
        (["the refund?", "x" * (LEANING + 1)], None),
        (["the refund?", "one", "two", "three"], None),
        (["the refund?", "one", "two"], "support"),
        (["and of 5 and 6?"], None),
        (["the refund?", "  "], None),
        ([], None),
    ],
)
def test_who_speaks_for_a_conversation(turns: list[str], capability: str | None) -> None:
    assert [tag.capability for tag in tag_conversations(ByWord(), [turns])] == [capability]


def test_the_order_is_kept_whoever_leans() -> None:
    conversations = [["the refund?", "and now?"], ["the sum"], ["sum?", "and now?"], ["joke"]]
    assert [t.capability for t in tag_conversations(ByWord(), conversations)] == [
        "support",
        "sums",
        "sums",
        None,
    ]


def test_only_what_the_user_said_counts() -> None:
    said = (
        Message(role="system", content="refund refund"),
        Message(role="user", content="hello"),
        Message(role="assistant", content="the sum"),
        Message(role="user", content="and?"),
    )
    one = interaction(0).model_copy(update={"messages": said})
    assert tag_interactions(ByWord(), [one]) == [Tag(None, 0.1)]
