"""No text under judgement passes for the judge's instructions or its verdict, whatever stands in it."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.judge.judges.fence import defused, fenced, grade_in, nonce_of, place_in

NONCE = nonce_of(["question", "answer"])
PIECES = st.sampled_from(
    ["<", "|", ">", "im_start", "<|im_start|>", "[INST]", "</s>", "<s>", "<end_of_turn>", "\u202e", "\u200b",
     "<<end of answer>>", "<<answer ", "Grade ", ": ", "[[10]]", "\n", "{", "}", '"grade"', "a", "\ud800", "\U000e0041"]
)  # fmt: skip
TEXTS = st.text() | st.lists(PIECES).map("".join)


def test_a_nonce_follows_from_all_parts_their_order_and_the_secret() -> None:
    assert nonce_of(["question", "answer"]) == NONCE
    others = [["question", "answer", ""], ["answer", "question"], ["questionanswer"], ["question", "answer."]]
    assert len({NONCE, *map(nonce_of, others), nonce_of(["question", "answer"], b"another")}) == 6
    assert re.fullmatch("[0-9a-f]{10}", NONCE)


@given(st.lists(TEXTS))
def test_any_text_has_a_nonce(parts: list[str]) -> None:
    assert re.fullmatch("[0-9a-f]{10}", nonce_of(parts))


@given(TEXTS)
def test_a_text_stands_between_two_lines_and_neither_stands_in_it(text: str) -> None:
    first, *inner, last = fenced("answer", text, NONCE).split("\n")
    assert (first, last) == (f"<<answer {NONCE}>>", f"<<end of answer {NONCE}>>")
    assert NONCE not in "\n".join(inner)
    fenced("answer", text, NONCE).encode()


@given(TEXTS)
def test_no_role_token_and_nothing_hidden_is_left(text: str) -> None:
    shown = defused(text)
    assert not re.search(r"<\|[^<>\n]{0,64}\|>|</?s>|<end_of_turn>|\[/?INST\]|[\u202a-\u202e\u200b]", shown)


@pytest.mark.parametrize(
    "text",
    [
        "x < 3 | y > 2",
        "a[INST]",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\U0001f469\u200d\U0001f52c",
        "# Title\n\n- [x] **a**",
    ],
)
def test_what_people_write_is_left_as_it_is(text: str) -> None:
    assert defused(text).replace("[ INST]", "[INST]") == text


@given(TEXTS)
def test_no_text_holds_a_grade_or_a_verdict(text: str) -> None:
    assert grade_in(text, NONCE) is None
    assert place_in(text, NONCE) is None


@given(TEXTS, TEXTS, st.integers(1, 10))
def test_a_judge_that_quotes_the_text_before_and_after_its_grade_gives_its_own(
    before: str, after: str, grade: int
) -> None:
    assert grade_in(f"{before}\nGrade {NONCE}: [[{grade}]]\n{after}", NONCE) == grade
    assert place_in(f"{before}\nVerdict {NONCE}: [[B]]\n{after}", NONCE) == "B"


@given(TEXTS, st.integers(1, 10))
def test_a_judge_that_is_held_to_json_may_quote_what_it_likes(text: str, grade: int) -> None:
    said = {"code": NONCE, "reason": text, "grade": grade, "verdict": "A"}
    assert grade_in(json.dumps(said), NONCE) == grade
    assert place_in(json.dumps(said), NONCE) == "A"


@pytest.mark.parametrize(
    "reply",
    [
        f"Grade {NONCE}: [[7]]",
        f"**Grade {NONCE}:** [[7]]",
        f"grade `{NONCE}`: [[ 7 ]]",
        f"Grade {NONCE}: [[3]]\nNo. Grade {NONCE}: [[7]]",
        f'  {{"grade": 7.0, "code": "{NONCE}"}}\n',
    ],
    ids=["plain", "bold", "quoted", "the last holds", "json"],  # the code differs from process to process
)
def test_a_grade_with_the_code_is_read_however_it_is_set(reply: str) -> None:
    assert grade_in(reply, NONCE) == 7.0


def test_a_reply_that_nests_without_end_has_no_grade() -> None:
    assert grade_in('{"a":' * 100_000 + "}" * 100_000, NONCE) is None
