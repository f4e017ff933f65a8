"""A prompt that stands twice counts once and is told with both places; an id that stands twice is an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluator.briefs.agreement import leaks, settled
from evaluator.briefs.items import Item, PlacedItem, made_id, read_items

FILE = Path("facts.jsonl")


def placed(*lines: str, file: Path = FILE, capability: str = "facts") -> tuple[PlacedItem, ...]:
    items, problems = read_items("\n".join(lines), file, capability)
    assert problems == []
    return items


def test_an_item_without_an_id_gets_one_of_its_prompt_that_other_items_do_not_change() -> None:
    alone = placed('{"prompt": "capital of France?"}')
    among = placed('{"prompt": "first?"}', '{"prompt": " capital of  France?", "reference": "Paris"}')
    assert alone[0].item.id == among[1].item.id == made_id("facts", "capital of France?")
    assert among[0].item.id != among[1].item.id
    assert [one.line for one in among] == [1, 2]


def test_an_id_that_is_given_is_kept_and_one_that_is_no_text_is_refused() -> None:
    assert placed('{"id": "f1", "prompt": "x"}')[0].item.id == "f1"
    _, problems = read_items('{"id": null, "prompt": "x"}', FILE, "facts")
    assert "line 1: not a valid item: id: " in problems[0].text


def test_text_separators_inside_json_end_no_line() -> None:
    assert placed('{"prompt": "one\u2028two\u0085three"}')[0].item.prompt == "one\u2028two\u0085three"


def test_a_repeated_prompt_is_left_out_and_both_places_are_told() -> None:
    facts = placed(
        '{"id": "a", "prompt": "x y", "reference": 1}', "", '{"id": "b", "prompt": "x  y", "reference": 1}'
    )
    found = settled({"facts": facts})
    assert [item.id for item in found.items["facts"]] == ["a"]
    assert found.problems == []
    (told,) = found.warnings
    assert told == (
        "facts.jsonl, line 3 asks what facts.jsonl, line 1 asks already: 'x y'; the first one counts, "
        "this one is left out"
    )


def test_a_repeat_in_another_capability_or_split_says_what_differs() -> None:
    facts = placed('{"prompt": "x", "reference": 1}', '{"prompt": "z"}')
    sums = placed(
        '{"prompt": "x", "reference": 2, "split": "tuning"}', '{"prompt": "y"}', file=Path("sums.jsonl")
    )
    found = settled({"facts": facts, "sums": sums})
    assert [item.prompt for item in found.items["sums"]] == ["y"]
    assert (
        "sums.jsonl, line 1 asks what facts.jsonl, line 1 asks already, though its reference and split differ:"
        in (found.warnings[0])
    )


def test_the_same_line_twice_without_an_id_is_a_repeat_and_no_collision() -> None:
    found = settled({"facts": placed('{"prompt": "x"}', '{"prompt": "x"}')})
    assert found.problems == []
    assert len(found.warnings) == 1


def test_ids_that_collide_are_an_error_with_both_lines() -> None:
    taken = made_id("facts", "x")
    found = settled({"facts": placed('{"prompt": "x"}', f'{{"id": "{taken}", "prompt": "y"}}')})
    assert found.problems[0].text == (
        f"items with the same id: '{taken}' (facts.jsonl, line 1 and facts.jsonl, line 2)"
    )


def test_many_repeats_are_counted() -> None:
    found = settled({"facts": placed(*['{"prompt": "x"}'] * 40)})
    assert len(found.warnings) == 21
    assert found.warnings[-1] == "19 more items repeat a prompt and are left out"


def test_a_capability_of_repeats_alone_has_nothing_to_ask() -> None:
    found = settled({"a": placed('{"prompt": "x"}'), "b": placed('{"prompt": "x"}')})
    assert "'b': all of its items stand elsewhere" in found.problems[0].text


@pytest.mark.parametrize(
    ("exemplars", "said"),
    [
        ({"a": ["one"], "b": ["one"]}, "exemplars of more than one capability: 'one'"),
        ({"a": ["x"], "b": ["two"]}, "capability 'a': exemplars that are also items: 'x'"),
    ],
)
def test_what_teaches_the_tagger_is_of_one_capability_and_no_item(
    exemplars: dict[str, list[str]], said: str
) -> None:
    found = leaks({"a": (Item(id="1", prompt="x"),)}, exemplars)
    assert [problem.text for problem in found] == [said]
