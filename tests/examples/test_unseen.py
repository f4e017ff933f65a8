"""The traffic of the shipped brief that nobody has seen: how far it is from the brief's files, and that it is right."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluator.briefs.brief import LoadedBrief, load_brief
from evaluator.verifiers import VERIFIERS
from tests.places import BRIEF

SCRIPT = BRIEF.with_name("traffic.py")
COUNT = 1600
LONGEST_SHARED = 6
"""So many words in a row make a template; what the language itself repeats is shorter."""

Line = dict[str, Any]


def write(path: Path, seed: int, count: int = COUNT) -> bytes:
    arguments = ("--count", str(count), "--seed", str(seed), "--out", str(path))
    subprocess.run([sys.executable, str(SCRIPT), *arguments], check=True)
    return path.read_bytes()


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[Line]:
    written = write(tmp_path_factory.mktemp("unseen") / "traffic.jsonl", seed=7)
    return [json.loads(line) for line in written.decode().splitlines()]


@pytest.fixture(scope="module")
def loaded() -> LoadedBrief:
    return load_brief(BRIEF)


@pytest.fixture(scope="module")
def read_by_belay(loaded: LoadedBrief) -> list[str]:
    """Every prompt, and every text of a training dialogue, that stands in a file of the brief."""
    items = [item.prompt for group in loaded.items.values() for item in group]
    exemplars = [prompt for c in loaded.brief.capabilities for prompt in c.exemplars]
    dialogues = map(json.loads, loaded.training_file.read_text(encoding="utf-8").splitlines())
    return [*items, *exemplars, *(said["content"] for one in dialogues for said in one["messages"])]


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def runs(text: str, length: int) -> set[tuple[str, ...]]:
    said = words(text)
    return {tuple(said[at : at + length]) for at in range(len(said) - length + 1)}


def said_by_user(line: Line) -> list[str]:
    return [message["content"] for message in line["messages"] if message["role"] == "user"]


def of(lines: list[Line], capability: str) -> list[Line]:
    found = [line for line in lines if line["truth"]["capability"] == capability]
    assert len(found) > 20
    return found


def test_the_same_seed_gives_the_same_bytes_and_another_one_other_prompts(tmp_path: Path) -> None:
    first = write(tmp_path / "a.jsonl", seed=3, count=200)
    assert first == write(tmp_path / "b.jsonl", seed=3, count=200)
    others = [json.loads(line) for line in write(tmp_path / "c.jsonl", seed=4, count=200).splitlines()]
    mine = {said_by_user(json.loads(line))[-1] for line in first.splitlines()}
    assert len(mine & {said_by_user(line)[-1] for line in others}) < 0.1 * len(mine)


def test_no_prompt_stands_in_a_file_that_belay_reads(lines: list[Line], read_by_belay: list[str]) -> None:
    known = {" ".join(words(text)) for text in read_by_belay}
    assert not known & {" ".join(words(text)) for line in lines for text in said_by_user(line)}


def test_no_prompt_shares_a_template_with_a_file_that_belay_reads(
    lines: list[Line], read_by_belay: list[str]
) -> None:
    known = set[tuple[str, ...]]().union(*(runs(text, LONGEST_SHARED) for text in read_by_belay))
    shared = [text for line in lines for text in said_by_user(line) if runs(text, LONGEST_SHARED) & known]
    assert len(shared) <= 0.005 * len(lines), shared


def test_prompts_differ_from_one_another(lines: list[Line]) -> None:
    assert len({said_by_user(line)[-1].casefold() for line in lines}) >= 0.95 * COUNT


def test_capabilities_come_by_their_share_and_a_tenth_belongs_to_none(
    lines: list[Line], loaded: LoadedBrief
) -> None:
    seen = Counter(line["truth"]["capability"] for line in lines)
    shares: dict[str | None, float] = {c.name: 0.9 * c.share for c in loaded.brief.capabilities}
    assert set(seen) == {*shares, None}
    for name, share in (shares | {None: 0.1}).items():
        assert abs(seen[name] - COUNT * share) < 4.5 * (COUNT * share * (1 - share)) ** 0.5


def test_many_conversations_have_several_turns_and_end_with_the_user(lines: list[Line]) -> None:
    for line in lines:
        roles = [message["role"] for message in line["messages"]]
        assert roles == ["user", "assistant"] * (len(roles) // 2) + ["user"]
    several = sum(len(line["messages"]) > 1 for line in lines)
    assert 0.15 * COUNT < several < 0.4 * COUNT


def test_what_a_verifier_needs_is_there(lines: list[Line], loaded: LoadedBrief) -> None:
    judges = {c.name: c.judge for c in loaded.brief.capabilities}
    for line in lines:
        truth = line["truth"]
        if truth["capability"] is None:
            continue
        assert truth["verifier"] == judges[truth["capability"]].verifier
        judged = VERIFIERS[truth["verifier"]](
            "no idea", truth["reference"], said_by_user(line)[-1], truth["options"]
        )
        assert judged.value is not None, judged.reason


NUMBER_WORDS = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
]  # fmt: skip


def test_sums_are_the_sums_of_their_numbers(lines: list[Line]) -> None:
    for line in of(lines, "addition"):
        text = re.sub(r"(?i)quick one|one more|(for|at) one|two items", "", said_by_user(line)[-1]).casefold()
        digits = [float(one) for one in re.findall(r"\d+(?:\.\d+)?", text)]
        spelt = [NUMBER_WORDS.index(one) for one in words(text) if one in NUMBER_WORDS]
        numbers = digits or spelt
        assert len(numbers) == 2, text
        assert sum(numbers) == pytest.approx(line["truth"]["reference"])


STORIES: dict[str, Callable[..., int]] = {
    "crates": lambda crates, each, broken: sum([each] * crates) - broken,
    "shuttle": lambda aboard, off, on: aboard + on - off,
    "maps": lambda early, returned: early + 2 * early - returned,
    "canisters": lambda held, put, taken: held - taken + put,
    "walks": lambda each, days, more: sum([each] * days) + more,
    "grown-up": lambda grown, kid, kids: grown + sum([kid] * kids),
    "older": lambda age, more: age + (age + more),
    "roll": lambda whole, pieces, each: whole - sum([each] * pieces),
}


def test_stories_come_to_what_is_told(lines: list[Line]) -> None:
    met = set()
    for line in of(lines, "word_problem"):
        text = said_by_user(line)[-1].casefold()
        story = next(name for name in STORIES if name in text)
        met.add(story)
        assert STORIES[story](*map(int, re.findall(r"\d+", text))) == line["truth"]["reference"], text
        assert line["truth"]["reference"] > 0
    assert len(met) > len(STORIES) / 2


def test_a_detail_to_be_extracted_stands_once_in_what_was_said(lines: list[Line]) -> None:
    for line in of(lines, "extraction"):
        wanted = re.escape(line["truth"]["reference"])
        assert len(re.findall(rf"(?<!\w){wanted}(?![\w-])", "\n".join(said_by_user(line)))) == 1


def test_keys_and_values_of_an_object_stand_in_the_prompt(lines: list[Line]) -> None:
    for line in of(lines, "json_output"):
        prompt = said_by_user(line)[-1]
        assert re.findall(r'"(\w+)"', prompt) == list(line["truth"]["reference"])
        assert all(str(value) in prompt for value in line["truth"]["reference"].values())


def test_the_number_of_entries_is_the_one_asked_for(lines: list[Line]) -> None:
    for line in of(lines, "list_format"):
        text = said_by_user(line)[-1].casefold().replace("quick one", "").replace("one more thing", "")
        text = re.sub("number them 1, 2, 3|as 1., 2.,", "", text)
        given = [int(n) for n in re.findall(r"\d+", text)]
        given += [NUMBER_WORDS.index(one) for one in words(text) if one in NUMBER_WORDS[2:]]
        assert given == [line["truth"]["reference"]["n"]], text
        assert ("bullet" in text) == (line["truth"]["reference"]["style"] == "bulleted")


def test_a_function_is_called_what_the_prompt_calls_it(lines: list[Line]) -> None:
    for line in of(lines, "small_code"):
        reference = line["truth"]["reference"]
        assert reference["function"] in said_by_user(line)[-1]
        assert ast.parse(f"def {reference['function']}(): ...")


def test_a_report_to_be_summarised_was_said_word_for_word(lines: list[Line]) -> None:
    for line in of(lines, "one_sentence_summary"):
        assert line["truth"]["reference"] in "\n".join(said_by_user(line))


def test_what_the_shop_answers_is_what_the_brief_s_items_say_it_does(
    lines: list[Line], loaded: LoadedBrief
) -> None:
    known = {json.dumps(item.reference) for item in loaded.items["support_reply"]}
    assert {json.dumps(line["truth"]["reference"]) for line in of(lines, "support_reply")} == known


def test_nothing_that_belongs_to_no_capability_has_a_right_answer(lines: list[Line]) -> None:
    strangers = [line for line in lines if line["truth"]["capability"] is None]
    assert strangers
    assert all(line["truth"] == {"capability": None} for line in strangers)
