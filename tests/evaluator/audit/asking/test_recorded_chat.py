"""The recorded chat: an answer is kept when it arrives, and asked once for the same conversation and conditions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from evaluator.audit.asking.answer_cache import AnswerCache
from evaluator.audit.asking.answering import Conditions
from evaluator.audit.asking.recorded_chat import recorded_chat
from telemetry.errors import EngineFailed
from telemetry.events import Message

CONDITIONS = Conditions(model_sha256="m", engine_version="1")


def said(*texts: str) -> list[list[Message]]:
    return [[Message(role="user", content=text)] for text in texts]


class Engine:
    """Answers in capitals; dies after so many answers."""

    def __init__(self, lives: int = 1000) -> None:
        self.lives, self.asked = lives, list[str]()

    def __call__(
        self, turns: Sequence[Sequence[Message]], max_tokens: int, on_answer: Callable[[int, str], None]
    ) -> list[str]:
        found = []
        for index, conversation in enumerate(turns):
            if self.lives == 0:
                raise EngineFailed("the engine died")
            self.lives -= 1
            self.asked.append(conversation[-1].content)
            found.append(conversation[-1].content.upper()[:max_tokens])
            on_answer(index, found[-1])
        return found


def test_the_same_conversation_is_asked_once(tmp_path: Path) -> None:
    engine = Engine()
    with AnswerCache(tmp_path / "answers.sqlite") as cache:
        chat = recorded_chat(engine, CONDITIONS, cache)
        assert chat(said("a", "b"), 9) == ["A", "B"]
        assert chat(said("b", "c", "a"), 9) == ["B", "C", "A"]
    assert engine.asked == ["a", "b", "c"]


def test_another_length_model_or_engine_is_another_question(tmp_path: Path) -> None:
    engine = Engine()
    with AnswerCache(tmp_path / "answers.sqlite") as cache:
        recorded_chat(engine, CONDITIONS, cache)(said("abc"), 9)
        assert recorded_chat(engine, CONDITIONS, cache)(said("abc"), 2) == ["AB"]
        for changes in ({"model_sha256": "n"}, {"engine_version": "2"}, {"temperature": 1.0}):
            recorded_chat(engine, CONDITIONS.model_copy(update=changes), cache)(said("abc"), 9)
    assert len(engine.asked) == 5


def test_answers_that_had_arrived_when_the_engine_died_are_not_asked_again(tmp_path: Path) -> None:
    dying, healthy = Engine(lives=2), Engine()
    with AnswerCache(tmp_path / "answers.sqlite") as cache:
        with pytest.raises(EngineFailed):
            recorded_chat(dying, CONDITIONS, cache)(said("a", "b", "c", "d"), 9)
        assert recorded_chat(healthy, CONDITIONS, cache)(said("a", "b", "c", "d"), 9) == ["A", "B", "C", "D"]
    assert healthy.asked == ["c", "d"]
