from __future__ import annotations

import doctest
import json
import random
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.audit.benchmarks.texts import brief_texts
from evaluator.briefs.brief import load_brief
from telemetry.errors import UsageError
from telemetry.events import Message
from tests.places import BRIEF
from trainer.config import DecontaminationSettings
from trainer.data import decontaminate
from trainer.data.decontaminate import Protected, clean, words
from trainer.data.dialogues import Dialogue, Source

SETTINGS = DecontaminationSettings(ngram=4, common=2)
POEM = "the fog comes on little cat feet it sits looking over harbor and city"


def protected(*texts: str, **changes: Any) -> Protected:
    settings = SETTINGS.model_copy(update=changes)
    return Protected([(f"item {n}", text) for n, text in enumerate(texts)], settings)


def source(*pairs: tuple[str, str], name: str = "s") -> Source:
    turns = [(Message(role="user", content=q), Message(role="assistant", content=a)) for q, a in pairs]
    return Source(name, 0.5, tuple(Dialogue(messages=each) for each in turns), "0" * 64)


def test_the_examples_in_the_docstrings_are_true() -> None:
    assert doctest.testmod(decontaminate).attempted > 0


@given(st.lists(st.sampled_from("abcde"), max_size=12), st.lists(st.sampled_from("abcde"), max_size=12))
def test_texts_overlap_exactly_where_both_have_the_words_in_a_row(one: list[str], other: list[str]) -> None:
    def runs(text: list[str]) -> set[tuple[str, ...]]:
        return {tuple(text[i : i + 4]) for i in range(len(text) - 3)}

    found = protected(" ".join(one)).overlap(" ".join(other), asked=False)
    assert (found is not None) == bool(runs(one) & runs(other))
    if found is not None:
        assert tuple(found.shared.split()) in runs(one) & runs(other)


def test_case_punctuation_and_white_space_make_no_difference() -> None:
    found = protected("The FOG comes\n\non little-cat feet.").overlap("(the fog) Comes — on", asked=False)
    assert found is not None
    assert (found.item, found.shared, found.whole) == ("item 0", "the fog comes on", False)
    assert protected("ﬁne Straße, x² y").overlap("fine STRASSE: x2 Y", asked=False) is not None


def test_a_short_question_is_met_only_whole_and_a_short_reference_never() -> None:
    items = protected("What is 9 plus", "positive")
    whole = items.overlap("what is 9 plus?", asked=True)
    assert protected("9 plus 6?").overlap("9 plus 6", asked=True) is not None
    assert protected("9 plus 6?").overlap("9 plus 7", asked=True) is None
    assert whole is not None
    assert items.overlap("Positive.", asked=False) is None
    assert items.overlap("a positive review", asked=True) is None


def test_words_that_more_items_share_than_common_are_a_template() -> None:
    asked = [f"name the capital city of {country}" for country in ("france", "spain", "italy")]
    assert protected(*asked).overlap("name the capital city of peru", asked=True) is None
    assert protected(*asked[:2]).overlap("name the capital city of peru", asked=True) is not None
    met = protected(*asked).overlap("name the capital city of spain", asked=True)
    assert met is not None
    assert (met.item, met.shared) == ("item 1", "capital city of spain")


def test_of_an_item_that_is_nothing_but_template_all_words_are_needed() -> None:
    asked = ["name the capital of peru", "name the capital of peru now", "name the capital of peru please"]
    index = protected(*asked, "now name the capital of peru")
    met = index.overlap("Please name the capital of Peru, quick", asked=True)
    assert met is not None
    assert (met.item, met.shared, met.whole) == ("item 0", "name the capital of peru", True)
    assert index.overlap("name the capital of chile", asked=True) is None


def test_an_item_counts_once_however_often_it_says_the_words() -> None:
    texts = [("one", "a b c d a b c d"), ("one", "a b c d"), ("one", "x a b c d")]
    assert Protected(texts, SETTINGS).items == 1
    assert Protected(texts, SETTINGS).overlap("a b c d", asked=False) is not None


def test_dialogues_are_dropped_and_reported_with_item_words_and_turn() -> None:
    one = source(("hello", "fine"), ("say " + POEM[:30], "no"), ("hello", f"well: {POEM}"), name="mixed")
    other = source(("how", "fine"), name="clean")
    cleaned, report = clean([one, other], protected(POEM))
    assert [len(found.dialogues) for found in cleaned] == [1, 1]
    assert cleaned[0].dialogues == one.dialogues[:1]
    assert [(hit.source, hit.number, hit.role) for hit in report.hits] == [
        ("mixed", 2, "user"),
        ("mixed", 3, "assistant"),
    ]
    assert report.hits[0].overlap.shared == "the fog comes on"
    assert (report.examined, report.dropped) == ({"mixed": 3, "clean": 1}, {"mixed": 2, "clean": 0})
    assert json.loads(json.dumps(report.to_json()))["hits"][1]["overlap"]["item"] == "item 0"
    assert "| mixed | 3 | 2 | item 0 (2) |" in report.table()
    assert "| clean | 1 | 0 |  |" in report.table()


def test_the_systems_turns_are_not_looked_at() -> None:
    system = Message(role="system", content=POEM)
    dialogue = Dialogue(messages=(system, *source(("hello", "fine")).dialogues[0].messages))
    assert clean([Source("s", 0.5, (dialogue,), "0" * 64)], protected(POEM))[1].hits == ()


def test_a_source_with_nothing_left_is_refused() -> None:
    with pytest.raises(UsageError, match=r"source 's': all of its 1 dialogues.*item 0: 'the fog comes on'"):
        clean([source((POEM, "fine"))], protected(POEM))


def test_every_item_of_the_shipped_brief_is_met_and_other_text_is_not() -> None:
    loaded = load_brief(BRIEF)
    items = [item for group in loaded.items.values() for item in group]
    index = Protected(brief_texts(loaded), DecontaminationSettings())
    assert index.items == len(items)
    missed = [
        item.id
        for item in items
        if index.overlap(
            f"So: {item.prompt.upper()} Yes." if len(words(item.prompt)) >= 8 else item.prompt, asked=True
        )
        is None
    ]
    assert missed == []
    draw = random.Random(5)
    unlike = [
        " ".join("".join(draw.choices(string.ascii_lowercase, k=6)) for _ in range(30)) for _ in range(50)
    ]
    assert [text for text in unlike if index.overlap(text, asked=True)] == []
