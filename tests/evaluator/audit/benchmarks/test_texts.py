from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path

from evaluator.audit.benchmarks.texts import brief_texts
from evaluator.briefs.brief import LoadedBrief
from tests.evaluator.audit.benchmarks.test_lm_eval_measure import CHOICES, WRITTEN, docs, task
from tests.evaluator.support.briefs import brief, capability

MT_BENCH = {
    "mt_bench": "writing",
    "judge": {"url": "http://127.0.0.1:1", "model": "judge", "rubric": "be fair"},
}


def said(loaded: LoadedBrief) -> dict[str, list[str]]:
    """The texts by item; fails where the texts of one item do not stand together."""
    groups = [
        (item, [text for _, text in pairs])
        for item, pairs in groupby(brief_texts(loaded), lambda pair: pair[0])
    ]
    assert len(groups) == len({item for item, _ in groups})
    return dict(groups)


def with_benchmarks(folder: Path, *entries: object) -> LoadedBrief:
    loaded = brief(capability("support", role="target"), capability("facts", benchmarks=list(entries)))
    named = {"lm_eval_tasks": "tasks", "mt_bench_questions": "question.jsonl"}
    return loaded.model_copy(update={"folder": folder, "brief": loaded.brief.model_copy(update=named)})


def test_items_are_named_by_capability_with_prompt_and_reference() -> None:
    loaded = brief()
    found = said(loaded)
    assert len(found) == sum(map(len, loaded.items.values()))
    assert found["facts/facts-3"] == ["facts question 3", "right3"]


def test_every_document_of_every_task_is_there_with_options_and_answer(tmp_path: Path) -> None:
    task(tmp_path / "tasks", "chosen", CHOICES)
    task(tmp_path / "tasks", "written", WRITTEN)
    entries = [{"lm_eval": "chosen", "limit": 3}, {"lm_eval": "written"}]
    found = said(with_benchmarks(tmp_path, *entries))
    rows = docs(24)
    for number, row in enumerate(rows):
        asked = f"Q: {row['query']}\nA:"
        assert found[f"chosen/chosen-{number:05d}"] == [asked, *row["choices"]]
        assert found[f"written/written-{number:05d}"] == [asked, row["target"]]


def test_a_texts_place_in_json_makes_no_difference() -> None:
    loaded = brief()
    reference = {"facts": ["within 14 days"], "count": 3, "desk": {"name": "Returns"}}
    item = loaded.items["facts"][0].model_copy(update={"reference": reference})
    changed = loaded.model_copy(update={"items": {"facts": (item,)}})
    assert said(changed)["facts/facts-0"] == ["facts question 0", "within 14 days", "Returns"]


def test_mt_bench_is_there_with_both_turns_only_where_it_is_a_benchmark(tmp_path: Path) -> None:
    row = {"question_id": 81, "category": "writing", "turns": ["Write a post.", "Now in verse."]}
    (tmp_path / "question.jsonl").write_text(json.dumps(row) + "\n")
    assert said(with_benchmarks(tmp_path, MT_BENCH))["mt_bench/81"] == row["turns"]
    assert "mt_bench/81" not in said(with_benchmarks(tmp_path))
