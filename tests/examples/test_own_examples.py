"""The examples beside the shop: their data are their generators', their files load, their pages name real commands."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from belay.project import load_project
from belay.steps.train import project_run
from evaluator.briefs.brief import LoadedBrief, load_brief
from evaluator.judge.judges.judge import Judge
from evaluator.judge.tagging.tagger import Tagger
from evaluator.map.drafting.weaknesses import weaknesses
from tests.docs.command_lines import lines_of_page, mistake
from tests.places import ROOT

EXAMPLES = ROOT / "examples"
FOLDERS = ("tickets", "by_url", "silent")
TICKETS = EXAMPLES / "tickets"
WRITTEN = {
    "tickets": ("items/*.jsonl", "exemplars/*.txt", "train.jsonl"),
    "silent": ("z.jsonl",),
}
RIGHT = {
    "route": "This ticket is about {}.",
    "sentiment": "The sentiment of this ticket is {}.",
    "urgency": "{}, I think.",
    "order_number": "The order number in this ticket is {}.",
    "iso_date": "It is {}.",
}
"""A right answer by its reference, as the base words it; a record is JSON."""


@pytest.fixture(scope="module")
def tickets() -> LoadedBrief:
    return load_brief(TICKETS / "brief.yaml")


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_the_generator_writes_the_committed_bytes(name: str, tmp_path: Path) -> None:
    folder = EXAMPLES / name
    subprocess.run([sys.executable, str(folder / "generate.py"), "--out", str(tmp_path)], check=True)
    kept = {p.relative_to(folder): p.read_bytes() for pattern in WRITTEN[name] for p in folder.glob(pattern)}
    fresh = {p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert fresh == kept


@pytest.mark.parametrize("name", FOLDERS)
def test_its_project_loads_with_a_brief_that_has_no_weakness(name: str) -> None:
    project = load_project(EXAMPLES / name / "belay.yaml")
    assert project.home == EXAMPLES / name / ".belay"
    assert weaknesses(load_brief(project.brief)) == []


@pytest.mark.parametrize("name", FOLDERS)
def test_what_it_trains_on_is_there(name: str) -> None:
    folder = EXAMPLES / name
    project = load_project(folder / "belay.yaml")
    run = project_run(project, "new", folder)
    assert all(source.path.is_file() for source in run.mix)


@pytest.mark.parametrize("name", FOLDERS)
def test_the_commands_on_the_page_are_real(name: str) -> None:
    found = list(lines_of_page((EXAMPLES / name / "README.md").read_text(encoding="utf-8")))
    assert len(found) > 5
    assert {str(line): wrong for line in found if (wrong := mistake(line))} == {}


def test_what_nobody_thought_of_is_rehearsed_nowhere_and_all_that_was_thought_of_is() -> None:
    shop = load_brief(EXAMPLES / "support" / "brief.yaml")
    taught = {prompt: c.name for c in shop.brief.capabilities for prompt in c.exemplars}
    lines = (EXAMPLES / "silent" / "z.jsonl").read_text(encoding="utf-8").splitlines()
    rehearsed = Counter(taught[json.loads(line)["messages"][0]["content"]] for line in lines)
    thought_of = ("facts", "sentiment", "extraction", "list_format", "one_sentence_summary", "small_code")
    assert rehearsed == dict.fromkeys(thought_of, 14)
    assert not any("json" in line.lower() for line in lines)


def test_there_are_items_exemplars_and_dialogues_enough(tickets: LoadedBrief) -> None:
    assert len(tickets.brief.capabilities) == 6
    for capability in tickets.brief.capabilities:
        assert len(tickets.items_of(capability.name, "audit")) >= 40
        assert len(tickets.items_of(capability.name, "traffic")) >= 60
        assert len(capability.exemplars) >= 8
    assert len(tickets.training_file.read_text(encoding="utf-8").splitlines()) == 160


def test_exemplars_and_training_dialogues_are_no_items(tickets: LoadedBrief) -> None:
    asked = {item.prompt for items in tickets.items.values() for item in items}
    taught = {prompt for capability in tickets.brief.capabilities for prompt in capability.exemplars}
    lines = tickets.training_file.read_text(encoding="utf-8").splitlines()
    trained = {json.loads(line)["messages"][0]["content"] for line in lines}
    assert len(asked) == sum(len(items) for items in tickets.items.values())
    assert len(trained) == len(lines)
    assert not asked & (taught | trained)


def test_a_right_answer_is_judged_right_and_a_wrong_one_wrong(tickets: LoadedBrief) -> None:
    judge = Judge(tickets)
    for name, items in tickets.items.items():
        for item, other in zip(items, [*items[1:], items[0]], strict=True):
            right, wrong = (
                json.dumps(one.reference) if name == "record" else RIGHT[name].format(one.reference)
                for one in (item, other)
            )
            assert judge.judge(name, item.prompt, right).value == 1.0, item.id
            if other.reference != item.reference:
                assert (judge.judge(name, item.prompt, wrong).value or 0.0) < 1.0, item.id
            assert judge.judge(name, item.prompt, "I would rather not say.").value == 0.0


def test_training_answers_its_own_prompts_as_the_judge_wants_them(tickets: LoadedBrief) -> None:
    labels = tickets.brief.target.judge.options["labels"]
    for line in tickets.training_file.read_text(encoding="utf-8").splitlines():
        said = json.loads(line)["messages"][1]["content"]
        assert sum(label in said for label in labels) == 1


def test_the_tagger_knows_the_items_from_the_exemplars_alone(tickets: LoadedBrief) -> None:
    tagger = Tagger.fit(tickets)
    for name, items in tickets.items.items():
        tags = tagger.tag([item.prompt for item in items])
        assert sum(tag.capability == name for tag in tags) >= 0.97 * len(items), name
