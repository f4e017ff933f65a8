"""What a prompt says of an answer's form is read and held against answers, and nothing else is read."""

from __future__ import annotations

from typing import Any

import pytest

from evaluator.verifiers import readable

FRENCH = "Le colis est arriv\u00e9 hier dans la rue, et nous sommes tr\u00e8s contents avec vous."
ENGLISH = "The parcel arrived yesterday in the street, and we are very happy with you."
CASES: list[tuple[str, str, dict[str, Any], str, str]] = [
    ("Tell me in at most 5 words.", "words", {"relation": "at most", "count": 5}, "a b c", "a b c d e f"),
    ("A 300+ word text on rope.", "words", {"relation": "at least", "count": 300}, "rope " * 300, "rope"),
    ("Answer in exactly two sentences.", "sentences", {"count": 2}, "One. Two.", "One."),
    ("Sum it up in one sentence.", "one_sentence", {}, "One sentence.", "One. Two."),
    ("Use 3 paragraphs.", "paragraphs", {"count": 3}, "a\n\nb\n\nc", "a\n\nb"),
    ("Keep it under 20 characters.", "characters", {"count": 20}, "short", "a very long answer that goes on"),
    ("Answer in French: where is it?", "language", {"language": "fr"}, FRENCH, ENGLISH),
    ('Begin with "Dear reader".', "begins_with", {"text": "Dear reader"}, "Dear reader, hi", "Hi dear reader"),
    ('End your reply with "Bye now".', "ends_with", {"text": "Bye now"}, "Well. Bye now!", "Bye now. Well."),
    ('Do not use the word "rope".', "without_words", {"words": ("rope",)}, "A cord.", "A rope."),
    ('Include the words "rope" and "knot".', "with_words", {"words": ("rope", "knot")}, "rope, knot", "rope"),
    ("Use all lowercase letters.", "lower_case", {}, "all small", "Not small"),
    ("Answer in all capital letters.", "upper_case", {}, "LOUD 1", "Loud"),
    ("Do not use any commas.", "no_comma", {}, "none here", "one, here"),
    ("Wrap your response in double quotation marks.", "in_quotes", {}, '"so"', "so"),
    ("The word rope should appear at least 2 times.", "word_frequency", {"count": 2}, "rope rope", "rope"),
    ("The letter q must appear at most once.", "letter_frequency", {"count": 1}, "quick", "qq"),
    ("Give it a title in double angular brackets, i.e. <<title>>.", "title", {}, "<<Rope>> x", "Rope"),
    ("Highlight at least 2 sections, like *this*.", "highlights", {"count": 2}, "*a* b *c*", "*a* b"),
    ("Use at least 2 placeholders such as [name].", "placeholders", {"count": 2}, "[a] [b]", "[a]"),
    ("Add a postscript starting with P.S. at the end.", "postscript", {"mark": "ps"}, "x\nP.S. y", "x"),
    ("Give two answers separated by ******.", "two_responses", {}, "a\n******\nb", "a"),
    ("Your entire output should be JSON.", "json", {}, '{"a": 1}', "a: 1"),
    ("One word: yes or no?", "labels", {"labels": ("yes", "no")}, "Yes.", "yes and no"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("prompt", "kind", "arguments", "good", "bad"), CASES, ids=[case[1] for case in CASES]
)
def test_a_constraint_is_read_and_held_against_answers(
    prompt: str, kind: str, arguments: dict[str, Any], good: str, bad: str
) -> None:
    found = [one for one in readable(prompt) if one.kind == kind]
    assert len(found) == 1, readable(prompt)
    assert {name: found[0].get(name) for name in arguments} == arguments
    assert not found[0].decides
    assert (found[0].check(good).score, found[0].check(bad).score) == (1.0, 0.0)


@pytest.mark.parametrize(
    "prompt",
    [
        "Where is my parcel? I ordered two ropes and three tents.", "What is the capital of France?",
        "I love French food.",
        "How do I end a letter?", "The third paragraph of the contract is unclear to me.", "Is yes a word?",
        "My order has not arrived.", "Which is better, rope or cord?", "Can I return a rope without the box?",
    ],
)  # fmt: skip
def test_ordinary_questions_ask_for_no_form(prompt: str) -> None:
    assert readable(prompt) == ()


def test_a_very_long_prompt_is_not_read() -> None:
    assert readable("Answer in French. " * 1000) == ()


@pytest.mark.parametrize(
    "words", ["thanks ", "1 ", 'word "x" ', "at least ", "include the words a, ", "\n\n", "10 + "]
)
def test_a_prompt_of_the_same_words_over_and_over_is_read(words: str) -> None:
    # What looks back from each place over all that stood before takes seconds, and anybody can send a prompt.
    assert isinstance(readable(words * (3900 // len(words))), tuple)
