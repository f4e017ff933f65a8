import importlib.util
import json

import pytest

from tests.places import ROOT

TASKS = ROOT / "bench" / "_audit" / "tasks"


def _load(name):
    spec = importlib.util.spec_from_file_location(f"belay_bench_task_{name}", TASKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


qed, ifeval = _load("qed"), _load("ifeval")


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        (" Wilhelm Röntgen, of Germany", 1.0),
        (" it was wilhelm  RÖNTGEN.", 1.0),
        (" Someone\nWilhelm Röntgen", 0.0),
        (" Wilhelm Röntgens", 0.0),
        ("", 0.0),
    ],
)
def test_a_short_answer_counts_as_whole_words_in_the_first_line(answer, score):
    doc = {"answers": ["Wilhelm Röntgen"]}
    assert qed.process_results(doc, [answer]) == {"acc": score}


CASES = [
    ("change_case:english_capital", {}, "ALL OF IT", "Not all"),
    ("change_case:english_lowercase", {}, "all of it", "Not all"),
    ("combination:repeat_prompt", {"prompt_to_repeat": "Say hi."}, "say hi. Hi!", "Hi! Say hi."),
    ("combination:two_responses", {}, "one\n******\ntwo", "one\n******\none"),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, "[a] and [b]", "[a] only"),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, "Bye\nP.S. more", "Bye"),
    ("detectable_content:postscript", {"postscript_marker": "P.P.S"}, "Bye\nP.P.S more", "Bye\nP.S. more"),
    ("detectable_format:constrained_response", {}, "My answer is no.", "No."),
    ("detectable_format:json_format", {}, '```json\n{"a": 1}\n```', "{a: 1}"),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "SECTION", "num_sections": 2},
        "SECTION 1 a SECTION 2 b",
        "SECTION 1 a",
    ),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, "* a\n- b", "* a\n* b\n* c"),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 2}, "*a* and *b*", "*a* and b"),
    ("detectable_format:title", {}, "<<A title>>\ntext", "<< >>\ntext"),
    ("keywords:existence", {"keywords": ["mom", "dad"]}, "Mom and Dad", "Mom"),
    ("keywords:forbidden_words", {"forbidden_words": ["rock"]}, "rocket", "a Rock"),
    ("keywords:frequency", {"relation": "at least", "keyword": "war", "frequency": 2}, "war War", "war"),
    ("keywords:frequency", {"relation": "less than", "keyword": "war", "frequency": 2}, "war", "war War"),
    ("keywords:letter_frequency", {"let_relation": "at least", "letter": "!", "let_frequency": 2}, "!!", "!"),
    (
        "length_constraints:nth_paragraph_first_word",
        {"first_word": "then", "num_paragraphs": 2, "nth_paragraph": 2},
        'First.\n\n"Then, more.',
        "First.\n\nMore then.",
    ),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "one\n***\ntwo", "one\n\ntwo"),
    ("length_constraints:number_words", {"relation": "at least", "num_words": 3}, "one two three", "one two"),
    ("punctuation:no_comma", {}, "none; none", "one, two"),
    ("startend:end_checker", {"end_phrase": "The end."}, "So. The end.\n", "The end. So."),
    ("startend:quotation", {}, '"all of it"', '"some" of it'),
]


@pytest.mark.parametrize(("name", "options", "followed", "broken"), CASES)
def test_an_instruction_is_told_apart_from_its_breach(name, options, followed, broken):
    doc = {"checks": json.dumps([[name, options]])}
    assert ifeval.process_results(doc, [followed]) == {"prompt_level_strict_acc": 1.0}
    assert ifeval.process_results(doc, [broken]) == {"prompt_level_strict_acc": 0.0}


def test_every_instruction_has_an_example_here():
    assert {name for name, *_ in CASES} == set(ifeval.CHECKS)


def test_all_instructions_must_be_followed_and_silence_follows_none():
    doc = {"checks": json.dumps([["punctuation:no_comma", {}], ["startend:quotation", {}]])}
    assert ifeval.process_results(doc, ['"yes"']) == {"prompt_level_strict_acc": 1.0}
    assert ifeval.process_results(doc, ["yes"]) == {"prompt_level_strict_acc": 0.0}
    only = {"checks": json.dumps([["punctuation:no_comma", {}]])}
    assert ifeval.process_results(only, [" \n"]) == {"prompt_level_strict_acc": 0.0}
