from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.errors import UsageError
from telemetry.events import Message
from tests.trainer.tiny import tiny_tokenizer
from trainer.data.dialogues import Dialogue, Source, load_dialogues
from trainer.data.encoding import IGNORED, Example, NothingLeft, encode, encode_source, pad

GOOD = '{"messages": [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "fine"}]}'


def dialogue(*turns: tuple[str, str]) -> Dialogue:
    return Dialogue(messages=tuple(Message(role=role, content=content) for role, content in turns))


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return tiny_tokenizer()


def learnt(tokenizer: Any, example: Example) -> str:
    return " ".join(tokenizer.convert_ids_to_tokens([n for n in example.labels if n != IGNORED]))


def test_only_the_assistants_words_and_end_mark_are_learnt(tokenizer: Any) -> None:
    example = encode(dialogue(("user", "where is my parcel"), ("assistant", "on its way")), tokenizer, 64)
    assert learnt(tokenizer, example) == "on its way </s>"
    assert len(example.tokens) == len(example.labels)


def test_every_assistant_turn_is_learnt_and_words_repeated_by_the_user_are_not(tokenizer: Any) -> None:
    turns = (("user", "fine thanks"), ("assistant", "fine"), ("user", "fine"), ("assistant", "thanks"))
    assert learnt(tokenizer, encode(dialogue(*turns), tokenizer, 64)) == "fine </s> thanks </s>"


def test_a_label_stands_where_its_token_stands(tokenizer: Any) -> None:
    example = encode(dialogue(("user", "hello"), ("assistant", "how are you")), tokenizer, 64)
    assert all(label in (IGNORED, token) for token, label in zip(example.tokens, example.labels, strict=True))


def test_a_long_dialogue_is_cut_and_one_with_nothing_left_is_refused(tokenizer: Any) -> None:
    long = dialogue(("user", "hello"), ("assistant", "how are you fine thanks"))
    assert len(encode(long, tokenizer, 10).tokens) == 10
    with pytest.raises(UsageError, match="within the first 5"):
        encode(long, tokenizer, 5)


def test_a_template_that_rewrites_earlier_turns_is_refused() -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = "{{ messages | length }} {% for m in messages %}{{ m['content'] }} {% endfor %}"
    two = dialogue(("user", "hello"), ("assistant", "fine"), ("user", "thanks"))
    with pytest.raises(UsageError, match="renders turn 2 differently"):
        encode(two, tokenizer, 64)


def test_the_end_mark_of_an_answer_that_was_cut_off_is_not_learnt(tokenizer: Any) -> None:
    turns = (("user", "hello"), ("assistant", "fine"), ("user", "fine"), ("assistant", " thanks fine "))
    whole = dialogue(*turns)
    cut = encode(whole.model_copy(update={"cut": True}), tokenizer, 64)
    assert learnt(tokenizer, cut) == "fine </s> thanks fine"
    assert cut.tokens == encode(whole, tokenizer, 64).tokens[: len(cut.tokens)]
    assert cut.labels[-1] == cut.tokens[-1]


def test_dialogues_that_the_length_leaves_nothing_of_are_skipped_and_counted(tokenizer: Any) -> None:
    short, long = (("user", "hello"), ("assistant", "fine")), (("user", "hello " * 9), ("assistant", "fine"))
    source = Source("s", 0.5, (dialogue(*long), dialogue(*short)), "0" * 64)
    examples, skipped = encode_source(source, tokenizer, 10)
    assert (len(examples), skipped) == (1, 1)
    assert examples == [encode(dialogue(*short), tokenizer, 10)]
    with pytest.raises(NothingLeft):
        encode_source(source, tokenizer, 10, skip_long=False)
    with pytest.raises(UsageError, match="source 's': all of its 2"):
        encode_source(source, tokenizer, 5)


def test_dialogues_are_read_and_blank_lines_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    path.write_text(f"{GOOD}\n\n{GOOD}\n")
    assert load_dialogues(path) == [dialogue(("user", "hello"), ("assistant", "fine"))] * 2


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("{", "not a dialogue"),
        ('{"messages": [{"role": "user"}]}', "not a dialogue"),
        ('{"message": []}', "not a dialogue"),
        ('{"messages": [{"role": "user", "content": "hi"}]}', "no assistant turn"),
        ('{"messages": [{"role": "assistant", "content": "hi"}]}', "the assistant speaks first"),
    ],
)
def test_a_bad_line_is_named_by_its_number(tmp_path: Path, bad: str, why: str) -> None:
    path = tmp_path / "d.jsonl"
    path.write_text(f"{GOOD}\n{bad}\n")
    with pytest.raises(UsageError, match=f"line 2: {why}"):
        load_dialogues(path)


def test_missing_and_empty_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no training data"):
        load_dialogues(tmp_path / "no.jsonl")
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(UsageError, match="no dialogues"):
        load_dialogues(tmp_path / "empty.jsonl")


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_padding_is_neither_read_nor_learnt(lengths: list[int]) -> None:
    rows = [Example(tokens=(5,) * n, labels=(5,) * n) for n in lengths]
    tokens, mask, labels = pad(rows, 0)
    assert {len(row) for row in [*tokens, *mask, *labels]} == {max(lengths)}
    for row, seen, wanted, n in zip(tokens, mask, labels, lengths, strict=True):
        assert row[n:] == [0] * (len(row) - n)
        assert sum(seen) == n
        assert sum(label != IGNORED for label in wanted) == n
