"""A brief may name a judge; where it answers is said where Belay runs."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from evaluator.briefs.brief import load_brief
from evaluator.briefs.judges import JudgeAddress, with_addresses
from evaluator.judge.judges.judge import Judge
from telemetry.errors import BriefError
from telemetry.events import TokenPrice
from tests.evaluator.briefs.test_brief import BRIEF, ITEMS, written

GRADER = JudgeAddress(url="http://10.0.0.7:8000", model="judge-2026-01", api_key_env="JUDGE_KEY")
NAMED = {"name": "grader", "rubric": "Is it kind?", "best": 5}


def brief_with(endpoint: dict[str, Any]) -> dict[str, Any]:
    data = copy.deepcopy(BRIEF)
    data["capabilities"][0]["judge"] = {"endpoint": endpoint}
    return data


def test_a_named_judge_takes_its_address_and_keeps_the_briefs_own_words(tmp_path: Path) -> None:
    loaded = load_brief(written(tmp_path, brief_with(NAMED), ITEMS), {"grader": GRADER, "other": GRADER})
    endpoint = loaded.brief.capabilities[0].judge.endpoint
    assert endpoint is not None
    assert (endpoint.url, endpoint.model, endpoint.api_key_env) == (GRADER.url, GRADER.model, "JUDGE_KEY")
    assert (endpoint.rubric, endpoint.best) == ("Is it kind?", 5)


def test_another_place_is_another_judge_of_the_same_brief(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUDGE_KEY", "secret")
    path = written(tmp_path, brief_with(NAMED), ITEMS)
    here, there = (
        load_brief(path, {"grader": GRADER.model_copy(update={"url": url})})
        for url in ("http://here:1", "http://there:1")
    )
    assert here.sha256 == there.sha256
    assert Judge(here).version != Judge(there).version


PRICE = {"prompt": 0.15, "completion": 0.6, "currency": "EUR"}


def test_a_price_changes_no_judge_and_where_it_stands_with_the_address_no_brief(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUDGE_KEY", "secret")
    path = written(tmp_path, brief_with(NAMED), ITEMS)
    price = TokenPrice.model_validate(PRICE)
    free, paid = (
        load_brief(path, {"grader": GRADER.model_copy(update={"price": one})}) for one in (None, price)
    )
    endpoint = paid.brief.capabilities[0].judge.endpoint
    assert (endpoint and endpoint.price, free.sha256) == (price, paid.sha256)
    assert Judge(free).version == Judge(paid).version


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"prompt": -1}, r"'replies'.judge.endpoint.price.prompt: .*greater than or equal to 0"),
        ({"completion": "cheap"}, r"price.completion: .*valid number.*'cheap'"),
        ({"completion": float("inf")}, r"price.completion: .*finite"),
        ({"currency": ""}, r"price.currency: a currency is a label of 1 to 8 characters without blanks"),
        ({"currency": "EU R"}, r"price.currency: a currency is a label of 1 to 8 .*'EU R'"),
        ({"promt": 1.0}, r"price.*unknown key.*did you mean 'prompt'"),
    ],
)
def test_a_price_that_is_none_is_told_with_its_place(
    tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    endpoint = {"url": "http://x:1", "model": "m", "rubric": "Is it kind?", "price": PRICE | changes}
    with pytest.raises(BriefError, match=told):
        load_brief(written(tmp_path, brief_with(endpoint), ITEMS))


def test_a_benchmarks_judge_may_be_named_too() -> None:
    data = copy.deepcopy(BRIEF)
    data["capabilities"][1]["benchmarks"] = [
        {"lm_eval": "piqa"},
        {"mt_bench": "writing", "judge": dict(NAMED)},
    ]
    found, problems = with_addresses(data, {"grader": GRADER})
    assert problems == []
    assert found["capabilities"][1]["benchmarks"][1]["judge"] == {
        "rubric": "Is it kind?",
        "best": 5,
        **GRADER.model_dump(),
    }


def test_what_comes_is_left_as_it_was() -> None:
    data = brief_with(dict(NAMED))
    before = copy.deepcopy(data)
    with_addresses(data, {"grader": GRADER})
    assert data == before


@pytest.mark.parametrize(
    ("endpoint", "told"),
    [
        (NAMED | {"name": "gradr"}, "'replies'.judge.endpoint: no judge 'gradr' is known here.*'grader'"),
        (NAMED | {"url": "http://x:1"}, "'name' says where the judge is, and so do url"),
        ({"name": "grader"}, "rubric"),
    ],
)
def test_a_name_that_leads_nowhere_is_the_one_thing_told(
    tmp_path: Path, endpoint: dict[str, Any], told: str
) -> None:
    with pytest.raises(BriefError, match=told) as refused:
        load_brief(written(tmp_path, brief_with(endpoint), ITEMS), {"grader": GRADER})
    assert "problems" not in str(refused.value)


def test_data_that_are_no_brief_are_left_to_the_schema() -> None:
    for broken in ({}, {"capabilities": 3}, {"capabilities": [1, {"judge": []}, {"benchmarks": [2]}]}):
        assert with_addresses(broken, {"grader": GRADER}) == (broken, [])


def test_a_brief_as_it_is_written_names_nobody_unknown(tmp_path: Path) -> None:
    path = written(tmp_path, brief_with(NAMED), ITEMS)
    assert yaml.safe_load(path.read_text())["capabilities"][0]["judge"]["endpoint"]["name"] == "grader"
    with pytest.raises(BriefError, match="no judge 'grader' is known here"):
        load_brief(path)
