"""A brief that cannot be used is refused with a message that says what is wrong and where."""

from __future__ import annotations

import copy
import json
import re
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from evaluator.briefs.brief import (
    BenchmarkSettings,
    Brief,
    Capability,
    JudgeEndpoint,
    JudgeSettings,
    load_brief,
)
from telemetry.errors import BriefError
from tests.places import ROOT

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


ENDPOINT = {"url": "http://127.0.0.1:8000", "model": "judge", "rubric": "Is it right?"}


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
        ((), {"lm_eval_tasks": "tasks"}, "'lm_eval_tasks' names tasks, which is no folder in"),
        ((), {"lm_eval_tasks": "train.jsonl"}, "'lm_eval_tasks' names train.jsonl, which is no folder in"),
        ((), {"mt_bench_questions": "q.jsonl"}, "'mt_bench_questions' names q.jsonl, which is no file in"),
        ((), {"judge_suite": "suite.jsonl"}, "'judge_suite' names suite.jsonl, which is no file in"),
        ((), {"owner": " "}, "  owner: is empty; somebody reviews a rollout by it"),
        ((1,), {"why": "TODO: who relies on it?"}, "  capability 'facts'.why: still to be filled in"),
        ((1,), {"share": "TODO"}, "  capability 'facts'.share: still to be filled in"),
        ((1,), {"exemplars": ["TODO: a prompt"]}, "  capability 'facts'.exemplars[0]: still to be filled in"),
        (
            (1,),
            {"benchmarks": [{"lm_eval": "arc_easy"}, {"lm_eval": "mmlu", "fewshots": 5}]},
            "  capability 'facts'.benchmarks[1].fewshots: unknown key; did you mean 'fewshot'?",
        ),
        (
            (1,),
            {"benchmarks": [{"lmeval": "mmlu"}]},
            "  capability 'facts'.benchmarks[0].lmeval: unknown key; did you mean 'lm_eval'?",
        ),
        (
            (1,),
            {"benchmarks": [{"lm_eval": "mmlu"}, {"lm_eval": "mmlu", "limit": 3}]},
            "  capability 'facts': benchmarks named twice: mmlu",
        ),
        (
            (1,),
            {"benchmarks": [{"mt_bench": "math"}]},
            "  capability 'facts'.benchmarks[0]: MT-Bench is graded by a model: give 'judge'",
        ),
        (
            (1,),
            {"benchmarks": [{"mt_bench": "math", "judge": ENDPOINT | {"rubrik": "x"}}]},
            "  capability 'facts'.benchmarks[0].judge.rubrik: unknown key; did you mean 'rubric'?",
        ),
        (
            (1,),
            {"judge": {"endpoint": ENDPOINT | {"urls": "http://x"}}},
            "  capability 'facts'.judge.endpoint.urls: unknown key; did you mean 'url'?",
        ),
        (
            (1,),
            {"judge": {"endpoint": ENDPOINT | {"url": "judge:8000"}}},
            "  capability 'facts'.judge.endpoint.url: ",
        ),
        ((1,), {"judge": {}}, "  capability 'facts'.judge: a judge is either a 'verifier' or an 'endpoint'"),
        (
            (1, "judge"),
            {"options": {"max_word": 40}},
            "verifier 'contains_answer' has no option 'max_word'; did you mean 'max_words'?",
        ),
        (
            (1, "judge"),
            {"options": {"max_words": 0}},
            "option 'max_words' of verifier 'contains_answer': Input should be greater than 0, found 0",
        ),
        (
            (1,),
            {"judge": {"verifier": "label"}},
            "  capability 'facts'.judge: verifier 'label' needs the option 'labels'",
        ),
        (
            (1,),
            {"benchmarks": [{"mt_bench": "math", "judge": ENDPOINT}]},
            "capability 'facts' names MT-Bench, and 'mt_bench_questions' names no file",
        ),
        ((1,), {"kind": "fact"}, "  capability 'facts'.kind: Input should be 'knowledge', 'reasoning'"),
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


def test_everything_that_is_wrong_is_told_at_once_with_its_line(
    tmp_path: Path, brief: dict[str, Any], items: Any
) -> None:
    replies, facts = brief["capabilities"]
    replies["treshold"] = replies.pop("threshold")
    replies["items"] = "reply.jsonl"
    facts |= {"share": 0.2, "exemplars": "facts.txt"}
    brief["training"] = "no.jsonl"
    items["facts"][0] = {"id": "f1"}
    path = written(tmp_path, brief, items)
    message = refusal(path)
    for said in (
        "capability 'replies'.treshold: unknown key; did you mean 'threshold'? (line ",
        "capability 'replies'.threshold: required, but it is not there (line ",
        "(the brief): shares of traffic must add up to 1, they add up to 0.700",
        "capability 'replies': its items file",
        "capability 'facts': its exemplars file",
        "facts.jsonl, line 1: not a valid item: prompt: Field required",
        "'training' names no.jsonl",
    ):
        assert message.count(said) == 1, message
    assert f"{path} has 7 problems:" in message
    named = re.search(r"treshold: unknown key.*\(line (\d+)\)", message)
    assert named is not None
    assert "treshold" in path.read_text().splitlines()[int(named[1]) - 1]


def test_a_key_that_stands_twice_is_refused(tmp_path: Path, brief: dict[str, Any]) -> None:
    path = written(tmp_path, brief)
    path.write_text(path.read_text() + "summary: another\n")
    assert "the key 'summary' stands there twice" in refusal(path)


def test_what_a_brief_names_beside_it_joins_its_hash(tmp_path: Path, brief: dict[str, Any]) -> None:
    brief |= {"lm_eval_tasks": "tasks", "mt_bench_questions": "q.jsonl", "judge_suite": "suite.jsonl"}
    (tmp_path / "tasks").mkdir()
    files = [tmp_path / name for name in ("tasks/one.yaml", "q.jsonl", "suite.jsonl")]
    for file in files:
        file.write_text("{}")
    seen = {load_brief(written(tmp_path, brief)).sha256}
    for file in files:
        file.write_text('{"changed": true}')
        seen.add(load_brief(tmp_path / "brief.yaml").sha256)
    files[0].rename(tmp_path / "tasks/two.yaml")
    seen.add(load_brief(tmp_path / "brief.yaml").sha256)
    assert len(seen) == 5
    # What Python leaves behind when it runs a task's functions is no change of the task.
    (tmp_path / "tasks/__pycache__").mkdir()
    (tmp_path / "tasks/__pycache__/utils.pyc").write_text("x")
    (tmp_path / "train.jsonl").write_text("other training data")
    assert load_brief(tmp_path / "brief.yaml").sha256 in seen


def test_an_example_line_is_no_item(tmp_path: Path, brief: dict[str, Any], items: Any) -> None:
    items["facts"][0]["prompt"] = "TODO: a question"
    assert "facts.jsonl, line 1: still the example" in refusal(written(tmp_path, brief, items))


def test_a_missing_key_is_named(tmp_path: Path, brief: dict[str, Any]) -> None:
    del brief["capabilities"][0]["why"]
    assert "  capability 'replies'.why: required, but it is not there" in refusal(written(tmp_path, brief))


@pytest.mark.parametrize(
    ("capability", "item", "message"),
    [
        ("facts", {"id": "f1", "prompt": "other"}, "items with the same id: 'f1' ("),
        ("facts", {"id": "r1", "prompt": "other"}, "items with the same id: 'r1'"),
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


def test_every_key_that_a_brief_may_have_stands_in_its_documentation() -> None:
    page = (ROOT / "docs" / "mapping.md").read_text(encoding="utf-8")
    for model in (Brief, Capability, JudgeSettings, JudgeEndpoint, BenchmarkSettings):
        missing = [key for key in model.model_fields if f"`{key}`" not in page]
        assert not missing, f"{model.__name__}: {missing}"


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place, *(found for key, one in inner for found in places(one, (*place, key)))]


@given(st.sampled_from(places(BRIEF)[1:]), ANYTHING)
def test_whatever_stands_anywhere_it_loads_or_is_refused_in_words(place: tuple[Any, ...], wrong: Any) -> None:
    changed: Any = copy.deepcopy(BRIEF)
    at = changed
    for step in place[:-1]:
        at = at[step]
    at[place[-1]] = wrong
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), changed)
        with suppress(BriefError):
            load_brief(path)
