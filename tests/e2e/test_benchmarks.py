"""Benchmarks and the probe on real engines: lm-eval's own scores item by item, and a candidate that is none."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from belay.launcher.demo import ALIAS
from evaluator.audit.asking.probe import ProbeFailed, check_models
from evaluator.audit.benchmarks.lm_eval_measure import LmEvalMeasure, run_full
from evaluator.audit.measures.measure import ServedModel
from serving.models.manifest import attest
from tests.e2e.conftest import Trained

pytestmark = [pytest.mark.slow, pytest.mark.alone]
ITEMS = 12
NOISE_NATS = 0.1


def served(folder: Path, url: str) -> ServedModel:
    return ServedModel(url, ALIAS, attest(folder).sha256, folder, lambda *_: [])


@pytest.fixture
def task(trained: Trained, tmp_path: Path) -> Path:
    """The brief's sentiment items as a multiple-choice task of lm-eval."""
    items = trained.loaded.items_of("sentiment", "audit")[:ITEMS]
    rows = [{"query": i.prompt, "choices": ["positive", "negative"], "gold": i.reference} for i in items]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = {
        "task": "sentiment_choices",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": "rows.jsonl"}, "cache_dir": str(tmp_path / "cache")},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "{{query}}\nSentiment:",
        "doc_to_choice": "choices",
        "doc_to_target": "gold",
        "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
    }
    (tmp_path / "sentiment.yaml").write_text(yaml.safe_dump(settings))
    return tmp_path


@pytest.mark.parametrize("chat", [False, True])
def test_vllm_gives_each_item_the_score_of_lm_evals_own_run(trained: Trained, task: Path, chat: bool) -> None:
    measure = LmEvalMeasure(
        "sentiment_choices",
        capability="sentiment",
        include_path=task,
        threshold=0.05,
        chat_template=chat,
    )
    model = served(trained.base, trained.control_url)
    answers = measure.answer(model, [item.id for item in reversed(measure.items)])
    run_full(["sentiment_choices"], model, task / "full", include_path=task, chat_template=chat)
    (file,) = (task / "full").rglob("samples_*.jsonl")
    theirs = {one["doc_id"]: one for one in map(json.loads, file.read_text().splitlines())}
    # Batches of other sizes add in another order: where the two choices all but tie, either may win.
    clear = {n: one["acc"] for n, one in theirs.items() if _gap(one) > NOISE_NATS}
    assert len(clear) > ITEMS / 2
    ours = {int(a.item.rpartition("-")[2]): a.value for a in answers}
    assert {n: ours[n] for n in clear} == clear
    assert all(a.gold_nll is not None and a.gold_nll > 0.0 for a in answers)


def _gap(sample: dict[str, Any]) -> float:
    """Between the log-likelihoods of the two choices, in nats."""
    first, second = (float(response[0]) for response in sample["filtered_resps"])
    return abs(first - second)


def test_the_probe_passes_the_candidate_and_refuses_base_in_its_place(trained: Trained) -> None:
    base = served(trained.base, trained.control_url)
    candidate = served(trained.candidate, trained.candidate_url)
    report = check_models(base, candidate)
    assert {check.state for check in (report.adapter, report.base_template, report.candidate_template)} == {
        "ok"
    }
    with pytest.raises(ProbeFailed, match="answers exactly as base"):
        check_models(base, dataclasses.replace(candidate, url=trained.control_url))
