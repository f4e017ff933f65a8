from __future__ import annotations

import doctest
from collections import Counter
from collections.abc import Sequence

from telemetry.events import Message
from trainer.rehearsing import degenerate as module
from trainer.rehearsing.degenerate import degenerate
from trainer.rehearsing.generate import Answer
from trainer.rehearsing.self_prompts import ROUNDS, SHOWN, Prompt, write_prompts

EXAMPLES = {
    "sums": [f"What is {n} plus {n + 1}?" for n in range(9)],
    "facts": [f"Where does the river number {n} rise?" for n in range(3)],
}


class Base:
    """Says what it is given, one after another, and keeps what it was asked."""

    def __init__(self, *answers: str, ended: bool = True) -> None:
        self.answers, self.ended = list(answers), ended
        self.talks: list[tuple[Sequence[Message], int]] = []

    def __call__(self, talks: Sequence[Sequence[Message]], limit: int) -> list[Answer]:
        self.talks += [(talk, limit) for talk in talks]
        return [Answer(self.answers.pop(0), 5, self.ended) for _ in talks]


def anything(_: Prompt) -> str | None:
    return None


def test_the_examples_in_the_docstring_are_true() -> None:
    assert doctest.testmod(module).attempted > 0


def test_a_text_that_is_empty_or_says_the_same_three_times_is_degenerate() -> None:
    assert degenerate(" \n") == "empty"
    assert degenerate("go on and on, go on and on, go on and so forth") is None
    assert degenerate("go on and on, go on and on, go on and on") == "repeats itself"


def test_base_sees_examples_of_one_capability_as_its_own_earlier_answers() -> None:
    base = Base("What is 3 plus 11?", "Where does the river number 7 rise?")
    taken, dropped = write_prompts(EXAMPLES, 1, base, anything, seed=7)
    assert taken == [
        Prompt("sums", "What is 3 plus 11?"),
        Prompt("facts", "Where does the river number 7 rise?"),
    ]
    assert not dropped
    for (talk, limit), (name, shown) in zip(base.talks, EXAMPLES.items(), strict=True):
        said = [turn.content for turn in talk if turn.role == "assistant"]
        assert len(said) == len(set(said)) == min(SHOWN, len(shown))
        assert set(said) <= set(EXAMPLES[name])
        assert [turn.role for turn in talk] == ["user", "assistant"] * len(said) + ["user"]
        assert limit == 4 * 7


def test_what_is_no_prompt_is_dropped_with_the_reason_and_asked_again_with_other_examples() -> None:
    only = {"sums": EXAMPLES["sums"]}
    base = Base("What", "What is 1 plus 1 plus " * 3, "", "What is 9 plus 9?")
    taken, dropped = write_prompts(only, 1, base, anything, seed=7)
    assert taken == [Prompt("sums", "What is 9 plus 9?")]
    assert dropped == Counter({("sums", "unlike the examples in length"): 3})
    assert len({tuple(talk) for talk, _ in base.talks}) == 4


def test_a_prompt_that_was_cut_off_or_is_refused_is_not_taken() -> None:
    only = {"sums": EXAMPLES["sums"]}
    _, cut = write_prompts(only, 1, Base(*["What is 3 plus 11?"] * ROUNDS, ended=False), anything, seed=7)
    assert cut == Counter({("sums", "cut off"): ROUNDS})
    taken, refused = write_prompts(
        only, 1, Base(*["What is 3 plus 11?"] * ROUNDS), lambda _: "not new", seed=7
    )
    assert (taken, refused) == ([], Counter({("sums", "not new"): ROUNDS}))


def test_nothing_is_asked_once_there_are_enough() -> None:
    base = Base(*[f"What is {n} plus 3?" for n in range(4)])
    taken, _ = write_prompts({"sums": EXAMPLES["sums"]}, 4, base, anything, seed=7)
    assert (len(taken), len(base.talks)) == (4, 4)
