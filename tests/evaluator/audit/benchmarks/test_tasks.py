"""What is decided about a task without asking anybody: metrics, items, passages, version."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.audit.benchmarks.tasks import (
    MetricChoice,
    choose_metric,
    clusters,
    draw,
    generation_length,
    score_of,
    usable_metrics,
    version_of,
)
from telemetry.errors import BriefError, InfrastructureError

METRIC = MetricChoice("acc", "none")


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def perplexity(values: list[float]) -> float:
    return max(values)


def test_usable_is_what_gives_an_item_a_score_of_which_the_mean_is_the_figure_and_more_is_better() -> None:
    trial: Mapping[str, Any] = {
        "acc": 1.0, "strict": True, "share": np.float64(0.25), "f1": (1, 0), "bleu": 31.0, "nan": float("nan"),
        "words": "yes", "ppl": 0.5, "ter": 0.5, "many": [True, False], "vector": np.zeros(2), "nothing": None,
    }  # fmt: skip
    aggregation = dict.fromkeys(trial, mean) | {"ppl": perplexity}
    better = dict.fromkeys(trial, True) | {"ter": False}
    assert usable_metrics(trial, aggregation, better) == ("acc", "strict", "share")


def test_the_first_usable_metric_and_the_first_filter_are_taken_unless_named() -> None:
    assert choose_metric("t", None, ["acc", "em"], ["strict", "loose"]) == ("acc", "strict")
    assert choose_metric("t", "em", ["acc", "em"], ["strict", "loose"]) == ("em", "strict")
    assert str(choose_metric("t", "em,loose", ["acc", "em"], ["strict", "loose"])) == "em,loose"


def test_a_task_without_a_usable_metric_is_refused() -> None:
    with pytest.raises(BriefError, match="'t' has no metric that scores each item"):
        choose_metric("t", None, [], ["none"])


@pytest.mark.parametrize(("value", "score"), [(True, 1.0), (0, 0.0), (np.float32(0.5), 0.5)])
def test_a_score_is_a_number_in_0_1(value: Any, score: float) -> None:
    assert score_of("t", METRIC, {"acc": value}) == score


@pytest.mark.parametrize("value", [1.5, -0.1, float("nan"), None, "1", (1, 0), [0.5]])
def test_what_is_no_score_is_refused_with_what_came(value: Any) -> None:
    with pytest.raises(BriefError, match=r"gave .*, expected a score between 0 and 1"):
        score_of("t", METRIC, {"acc": value})


@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 5))
def test_a_draw_is_so_many_different_items_in_their_order(count: int, limit: int, seed: int) -> None:
    drawn = draw(count, limit, seed)
    assert len(drawn) == min(count, limit)
    assert list(drawn) == sorted(set(drawn))
    assert set(drawn) <= set(range(count))
    assert drawn == draw(count, limit, seed)


@given(st.lists(st.sampled_from(["", "a", "b", "c"]), max_size=12))
def test_two_documents_are_in_one_cluster_exactly_where_they_share_a_passage(passages: list[str]) -> None:
    found = clusters([{"question": str(n), "passage": p} for n, p in enumerate(passages)])
    for i, one in enumerate(passages):
        for j, other in enumerate(passages):
            if i != j:
                assert (found[i] is not None and found[i] == found[j]) == (one == other and one != "")


def test_the_first_field_that_is_there_is_the_passage() -> None:
    found = clusters([{"passage": "p", "context": "1"}, {"passage": "p", "context": "2"}, {"context": "1"}])
    assert found[0] == found[1] is not None
    assert found[2] is None


def test_an_answer_that_fills_the_engines_context_is_refused() -> None:
    task = SimpleNamespace(
        OUTPUT_TYPE="generate_until",
        config=SimpleNamespace(task="t", generation_kwargs={"max_gen_toks": 1280}),
    )
    generation_length(task, 4096)
    with pytest.raises(InfrastructureError, match="answers have 1280 tokens; the engine's context has 1024"):
        generation_length(task, 1024)


def test_the_version_forgets_where_things_lie() -> None:
    here = {"task": "a", "dataset_path": "json", "dataset_kwargs": {"data_files": "/x"}, "doc_to_text": "q"}
    there = {"task": "a", "dataset_path": "json", "dataset_kwargs": {"data_files": "/y"}, "doc_to_text": "q"}
    prompts = [("q", " a"), ("q", " b")]
    first = version_of("1", here, METRIC, prompts, "plain")
    assert version_of("1", there, METRIC, prompts, "plain") == first
    others = {
        version_of("2", here, METRIC, prompts, "plain"),
        version_of("1", {**here, "doc_to_text": "p"}, METRIC, prompts, "plain"),
        version_of("1", here, MetricChoice("acc", "x"), prompts, "plain"),
        version_of("1", here, METRIC, prompts[:1], "plain"),
        version_of("1", here, METRIC, prompts, "chat"),
    }
    assert len(others | {first}) == 6
