"""A brief that cannot be used is refused with a message that says what is wrong and where."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from evaluator.brief import load_brief
from telemetry.errors import BriefError

CAPABILITY: dict[str, Any] = {
    "why": "users ask",
    "share": 0.5,
    "at_5_percent_loss": "little",
    "at_15_percent_loss": "much",
    "threshold": 0.1,
    "judge": {"verifier": "contains_answer"},
}
BRIEF: dict[str, Any] = {
    "name": "tests",
    "version": "1",
    "owner": "tests",
    "summary": "two capabilities",
    "training": "train.jsonl",
    "capabilities": [
        CAPABILITY
        | {"name": "replies", "role": "target", "items": "replies.jsonl", "exemplars": ["refund please"]},
        CAPABILITY | {"name": "facts", "items": "facts.jsonl", "exemplars": ["capital of Peru?"]},
    ],
}
ITEMS: dict[str, list[dict[str, Any]]] = {
    "replies": [{"id": "r1", "prompt": "where is my rope?", "reference": "soon"}],
    "facts": [
        {"id": "f1", "prompt": "capital of France?", "reference": "Paris"},
        {"id": "f2", "prompt": "capital of Spain?", "reference": "Madrid", "split": "traffic"},
    ],
}


@pytest.fixture
def brief() -> dict[str, Any]:
    return copy.deepcopy(BRIEF)


@pytest.fixture
def items() -> dict[str, list[dict[str, Any]]]:
    return copy.deepcopy(ITEMS)


def written(folder: Path, brief: dict[str, Any], items: dict[str, list[dict[str, Any]]] = ITEMS) -> Path:
    for name, group in items.items():
        (folder / f"{name}.jsonl").write_text("\n".join(json.dumps(item) for item in group) + "\n\n")
    (folder / "train.jsonl").write_text("{}\n")
    path = folder / "brief.yaml"
    path.write_text(yaml.safe_dump(brief))
    return path


def refusal(path: Path) -> str:
    with pytest.raises(BriefError) as caught:
        load_brief(path)
    return str(caught.value)


def test_a_good_brief_loads_with_its_items_by_split(tmp_path: Path, brief: dict[str, Any]) -> None:
    loaded = load_brief(written(tmp_path, brief))
    assert loaded.brief.target.name == "replies"
    assert [i.id for i in loaded.items_of("facts", "audit")] == ["f1"]
    assert [i.id for i in loaded.items_of("facts", "traffic")] == ["f2"]
    assert loaded.training_file == tmp_path / "train.jsonl"
    with pytest.raises(BriefError, match="no capability 'sums'"):
        loaded.items_of("sums", "audit")


def test_exemplars_may_lie_in_a_text_file(tmp_path: Path, brief: dict[str, Any]) -> None:
    (tmp_path / "facts.txt").write_text("capital of Peru?\n\n  capital of Chile?  \n")
    brief["capabilities"][1]["exemplars"] = "facts.txt"
    loaded = load_brief(written(tmp_path, brief))
    assert loaded.brief.capability("facts").exemplars == ("capital of Peru?", "capital of Chile?")
    (tmp_path / "facts.txt").write_text("capital of Peru?\n")
    assert load_brief(tmp_path / "brief.yaml").sha256 != loaded.sha256
    (tmp_path / "facts.txt").unlink()
    message = refusal(tmp_path / "brief.yaml")
    assert "capability 'facts': its exemplars file" in message
    assert "facts.txt does not exist" in message


def test_the_hash_changes_with_the_items(tmp_path: Path, brief: dict[str, Any], items: Any) -> None:
    before = load_brief(written(tmp_path, brief, items)).sha256
    items["facts"][0]["reference"] = "Lyon"
    assert load_brief(written(tmp_path, brief, items)).sha256 != before


@pytest.mark.parametrize(
    ("place", "wrong", "message"),
    [
        ((), {"sumary": "x"}, "  sumary: unknown key; did you mean 'summary'?"),
        ((1,), {"treshold": 0.1}, "  capability 'facts'.treshold: unknown key; did you mean 'threshold'?"),
        ((1,), {"zzz": 1}, "  capability 'facts'.zzz: unknown key"),
        (
            (1, "judge"),
            {"option": {}},
            "  capability 'facts'.judge.option: unknown key; did you mean 'options'?",
        ),
        (
            (1, "judge"),
            {"verifier": "contain_answer"},
            "no verifier 'contain_answer'; did you mean 'contains_answer'?",
        ),
        ((1,), {"threshold": 1.5}, "  capability 'facts'.threshold: Input should be less than 1, found 1.5"),
        ((1,), {"name": "Facts!"}, "  capability 'Facts!'.name: "),
        ((1,), {"name": "replies"}, "capabilities named twice: replies"),
        ((1,), {"role": "target"}, "exactly one capability must have role 'target', found 2"),
        (
            (1,),
            {"share": 0.2},
            "shares of traffic must add up to 1, they add up to 0.700: replies 0.5, facts 0.2",
        ),
        ((1,), {"items": "fact.jsonl"}, "capability 'facts': its items file"),
        ((1,), {"exemplars": []}, "  capability 'facts'.exemplars: "),
        ((1,), {"exemplars": ["refund please"]}, "exemplars of more than one capability: 'refund please'"),
        ((1,), {"exemplars": ["capital  of Spain?"]}, "capability 'facts': exemplars that are also items"),
        ((), {"training": "trains.jsonl"}, "'training' names trains.jsonl, which does not exist"),
        ((), {"capabilities": 3}, "  capabilities: "),
    ],
)
def test_a_broken_brief_says_what_and_where(
    tmp_path: Path, brief: dict[str, Any], place: tuple[Any, ...], wrong: dict[str, Any], message: str
) -> None:
    at: Any = brief["capabilities"] if place else brief
    for step in place:
        at = at[step]
    at.update(wrong)
    assert message in refusal(written(tmp_path, brief))


def test_a_missing_key_is_named(tmp_path: Path, brief: dict[str, Any]) -> None:
    del brief["capabilities"][0]["why"]
    assert "  capability 'replies'.why: required, but it is not there" in refusal(written(tmp_path, brief))


@pytest.mark.parametrize(
    ("capability", "item", "message"),
    [
        ("facts", {"id": "f1", "prompt": "other"}, "items with the same id: 'f1'"),
        ("facts", {"id": "r1", "prompt": "other"}, "items with the same id: 'r1'"),
        (
            "facts",
            {"id": "f3", "prompt": "capital of  France? "},
            "items with the same prompt: 'capital of France?'",
        ),
        (
            "replies",
            {"id": "r2", "prompt": "capital of Spain?"},
            "items with the same prompt: 'capital of Spain?'",
        ),
        ("facts", {"id": "f3"}, "facts.jsonl, line 3: not a valid item: prompt: Field required"),
        ("facts", {"id": "f3", "prompt": "x", "split": "both"}, "line 3: not a valid item: split: "),
    ],
)
def test_a_broken_item_says_what_and_where(
    tmp_path: Path, brief: dict[str, Any], items: Any, capability: str, item: dict[str, Any], message: str
) -> None:
    items[capability].append(item)
    assert message in refusal(written(tmp_path, brief, items))


@pytest.mark.parametrize(
    ("text", "message"),
    [("name: [", "is not valid YAML"), ("- a list", "expected a mapping at the top, found list")],
)
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "brief.yaml"
    path.write_text(text)
    assert message in refusal(path)


def test_an_absent_brief_and_absent_lines_are_refused(tmp_path: Path, brief: dict[str, Any]) -> None:
    assert "no capability brief at" in refusal(tmp_path / "brief.yaml")
    path = written(tmp_path, brief)
    (tmp_path / "facts.jsonl").write_text("\n")
    assert "has no items" in refusal(path)
    (tmp_path / "facts.jsonl").write_text("{]\n")
    assert "facts.jsonl, line 1: not valid JSON" in refusal(path)
