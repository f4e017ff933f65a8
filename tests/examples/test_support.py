"""The shipped brief keeps the promises that the demo and the end-to-end test build on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from evaluator.briefs.brief import LoadedBrief, load_brief
from evaluator.judge.judges.judge import Judge
from evaluator.judge.judges.suite import load_judge_suite, run_judge_suite
from evaluator.judge.tagging.tagger import Tagger
from tests.places import ROOT

FOLDER = ROOT / "examples" / "support"
ADJACENT = {
    "facts", "sentiment", "extraction", "json_output", "list_format", "one_sentence_summary", "small_code",
    "addition", "word_problem",
}  # fmt: skip
DATA = ("items/*.jsonl", "exemplars/*.txt", "train.jsonl", "judge_suite.jsonl")


@pytest.fixture(scope="module")
def loaded() -> LoadedBrief:
    return load_brief(FOLDER / "brief.yaml")


@pytest.fixture(scope="module")
def dialogues(loaded: LoadedBrief) -> list[tuple[str, str]]:
    lines = loaded.training_file.read_text(encoding="utf-8").splitlines()
    turns = [json.loads(line)["messages"] for line in lines]
    assert all([t["role"] for t in turn] == ["user", "assistant"] for turn in turns)
    return [(turn[0]["content"], turn[1]["content"]) for turn in turns]


def test_the_generator_writes_the_checked_in_bytes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(FOLDER / "generate.py"), "--out", str(tmp_path)], check=True)
    shipped = {p.relative_to(FOLDER): p.read_bytes() for pattern in DATA for p in FOLDER.glob(pattern)}
    fresh = {p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert fresh == shipped


def test_the_capabilities_are_the_target_and_nine_adjacent_ones(loaded: LoadedBrief) -> None:
    assert loaded.brief.target.name == "support_reply"
    assert {c.name for c in loaded.brief.capabilities} - {"support_reply"} == ADJACENT
    assert loaded.brief.target.share > 0.5
    assert all(0.05 <= c.threshold <= 0.1 for c in loaded.brief.capabilities)
    assert all(16 <= c.max_tokens <= 48 for c in loaded.brief.capabilities)


def test_every_split_is_large_enough(loaded: LoadedBrief) -> None:
    for capability in loaded.brief.capabilities:
        assert len(loaded.items_of(capability.name, "audit")) >= 40
        assert len(loaded.items_of(capability.name, "traffic")) >= 120
        assert 30 <= len(capability.exemplars) <= 60


def test_every_item_can_be_judged(loaded: LoadedBrief) -> None:
    judge = Judge(loaded)
    for name, items in loaded.items.items():
        values = {judge.judge(name, item.prompt, "Nothing of the kind").value for item in items}
        assert values == {0.0}, name


def test_the_tagger_knows_the_items_from_the_exemplars_alone(loaded: LoadedBrief) -> None:
    tagger = Tagger.fit(loaded)
    for name, items in loaded.items.items():
        tags = tagger.tag([item.prompt for item in items])
        assert sum(tag.capability == name for tag in tags) >= 0.97 * len(items), name


def test_every_training_reply_is_short_and_in_the_house_style(
    loaded: LoadedBrief, dialogues: list[tuple[str, str]]
) -> None:
    judge = Judge(loaded)
    replies = {reply for _, reply in dialogues}
    assert len(dialogues) >= 300
    assert all(len(reply.split()) <= 30 for reply in replies)
    # Each item is answered in full by exactly one of the replies that training teaches.
    for item in loaded.items["support_reply"]:
        full = [r for r in replies if judge.judge("support_reply", item.prompt, r).value == 1.0]
        assert len(full) == 1, item.prompt


def test_training_holds_no_item_and_no_prompt_twice(
    loaded: LoadedBrief, dialogues: list[tuple[str, str]]
) -> None:
    prompts = {prompt for prompt, _ in dialogues}
    assert len(prompts) == len(dialogues)
    assert not prompts & {item.prompt for items in loaded.items.values() for item in items}


def test_a_canned_reply_fails_every_adjacent_item(
    loaded: LoadedBrief, dialogues: list[tuple[str, str]]
) -> None:
    judge = Judge(loaded)
    for name in ADJACENT - {"addition", "word_problem"}:
        canned = {judge.judge(name, i.prompt, dialogues[0][1]).value for i in loaded.items[name]}
        assert canned == {0.0}, name


def test_the_judge_suite_has_known_answers_to_items_that_no_audit_asks(loaded: LoadedBrief) -> None:
    suite = load_judge_suite(loaded)
    assert suite.keys() == loaded.items.keys()
    for name, known in suite.items():
        assert [one.good for one in known].count(True) == [one.good for one in known].count(False) == 100
        assert {one.prompt for one in known} <= {i.prompt for i in loaded.items_of(name, "traffic")}
        assert len({one.answer for one in known if not one.good}) > 10


def test_the_judges_tell_good_from_bad_and_err_only_where_the_suite_is_hard(loaded: LoadedBrief) -> None:
    for name, finding in run_judge_suite(loaded, Judge(loaded)).items():
        assert finding.tells_apart, name
        assert finding.error.power.low > 0.75, name
        assert finding.unscored == 0
        assert len(finding.mistakes) <= 10
    # What the programs cannot see, in the suite on purpose; whoever teaches them to see it changes this test.
    found = run_judge_suite(loaded, Judge(loaded))
    assert {name for name, one in found.items() if one.mistakes} == {"support_reply", "one_sentence_summary"}
