"""A capability without exemplars takes some of its items for them, which nobody asks any more."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path

import pytest

from evaluator.audit.benchmarks.texts import brief_texts
from evaluator.briefs.borrowing import MOST, borrowed
from evaluator.briefs.brief import load_brief
from evaluator.briefs.items import Item, normalised_prompt
from evaluator.map.drafting.weaknesses import weaknesses
from telemetry.errors import BriefError
from tests.evaluator.briefs.test_brief import BRIEF, written


def items(*prompts: str) -> list[Item]:
    return [Item(id=prompt, prompt=prompt) for prompt in prompts]


SUMS = items(*(f"What is {n} plus {n + 1}?" for n in range(30)))


@pytest.mark.parametrize(("there", "taken"), [(1, 0), (2, 1), (9, 1), (10, 2), (30, 6)])
def test_a_fifth_is_taken_and_one_stays_at_least(there: int, taken: int) -> None:
    assert len(borrowed(SUMS[:there])) == taken


def test_no_more_are_taken_than_serve() -> None:
    assert len(borrowed(items(*(f"word{n}" for n in range(500))))) == MOST


def test_the_order_of_the_file_decides_nothing() -> None:
    shuffled = random.Random(3).sample(SUMS, len(SUMS))
    assert borrowed(shuffled) == borrowed(SUMS)


def test_they_are_spread_out() -> None:
    unlike = items("Translate this poem into French", "Name three rivers in Asia")
    chosen = borrowed([*SUMS, *unlike])
    assert {item.prompt for item in unlike} <= {item.prompt for item in chosen}


def test_items_of_a_cluster_are_not_taken() -> None:
    clustered = [item.model_copy(update={"cluster": "passage"}) for item in SUMS[:20]]
    assert not {i.id for i in borrowed([*clustered, *SUMS[20:]])} & {i.id for i in clustered}
    assert borrowed(clustered) == ()


def test_what_teaches_is_asked_by_nobody_and_the_check_says_so(tmp_path: Path) -> None:
    brief = copy.deepcopy(BRIEF)
    del brief["capabilities"][1]["exemplars"]
    sums = [
        {"prompt": item.prompt, "reference": "x", "split": s}
        for item, s in zip(SUMS, ["audit", "tuning"] * 15, strict=True)
    ]
    path = written(tmp_path, brief, {"replies": [{"prompt": "where?", "reference": "x"}], "facts": sums})
    loaded = load_brief(path)
    taught = set(loaded.brief.capability("facts").exemplars)
    assert len(taught) == 6
    assert len(loaded.items["facts"]) == 24
    asked = {normalised_prompt(item.prompt) for item in loaded.items["facts"]}
    assert not taught & asked
    # What training may not share words with is what is asked; an exemplar may be rehearsed.
    assert not taught & {text for _, text in brief_texts(loaded)}
    assert any(
        "6 of its items teach the tagger and are asked by nobody" in line for line in weaknesses(loaded)
    )
    # A line that is added changes no id.
    before = {item.prompt: item.id for item in loaded.items["facts"]}
    with (tmp_path / "facts.jsonl").open("a") as file:
        file.write(json.dumps({"prompt": "What is new?", "reference": "x"}) + "\n")
    after = {item.prompt: item.id for item in load_brief(path).items["facts"]}
    assert all(after[prompt] == before[prompt] for prompt in before.keys() & after.keys())


def test_one_item_cannot_be_both(tmp_path: Path) -> None:
    brief = copy.deepcopy(BRIEF)
    del brief["capabilities"][0]["exemplars"]
    with pytest.raises(BriefError, match=r"'replies'\.exemplars: required, but it is not there"):
        load_brief(written(tmp_path, brief))
