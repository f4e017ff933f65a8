"""The baseline: recorded once, kept whole, compared with nothing that was asked otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluator.audit.baseline import Baseline, load_baseline, record_baseline, save_baseline
from evaluator.watch.planning.terms import brief_watches
from telemetry.errors import BaselineError, BriefError
from tests.evaluator.support import audits
from tests.evaluator.support.briefs import ITEMS, SHAS, brief, capability
from tests.evaluator.support.measures import Arm, Scripted, both_arms

LOADED = brief()
SHA = SHAS["base"]
BINDING = audits.binding(LOADED)


def recorded() -> Baseline:
    return audits.baseline(LOADED)


def test_it_asks_the_audit_items_and_no_others() -> None:
    base = Arm({item.id: 1.0 for group in LOADED.items.values() for item in group})
    record_baseline(audits.measures_of(LOADED), base, BINDING)
    assert base.asked == 4 * ITEMS
    assert not any(item.endswith("-t") for item in base.order)


def test_a_lazy_one_asks_the_briefs_items_and_leaves_the_benchmarks() -> None:
    items, benchmark = Scripted("facts", 100), Scripted("facts", 300, name="arc_easy")
    scores, _ = both_arms(items, 0.0, 0.0, seed=1)
    base = Arm(scores)
    lazy = record_baseline([items, benchmark], base, BINDING, lazy=True)
    assert set(base.order) == set(scores)
    left = lazy.measure("facts", "arc_easy")
    assert (left.recorded, left.answers, left.at_floor) == (False, (), None)
    assert lazy.capability("facts").recorded


def test_benchmarks_with_odd_names_have_files_of_their_own(tmp_path: Path) -> None:
    measures = [
        Scripted("facts", 3, name=name) for name in ("items", "mt_bench/reasoning", "mt_bench_reasoning")
    ]
    scores, _ = both_arms(measures[0], 0.0, 0.0, seed=1)
    baseline = record_baseline(measures, Arm(scores), BINDING)
    folder = save_baseline(baseline, tmp_path)
    assert len(list(folder.glob("facts*.jsonl"))) == 3
    assert load_baseline(tmp_path, SHA) == baseline


def test_it_keeps_every_answer_and_its_score() -> None:
    facts = recorded().capability("facts")
    assert facts.mean == pytest.approx(0.9)
    assert facts.answers[0].prompt == "facts question 0"
    assert {a.value for a in facts.answers} == {0.0, 1.0}


def test_it_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    baseline = recorded()
    folder = save_baseline(baseline, tmp_path)
    assert folder == tmp_path / SHA
    assert (folder / "facts.jsonl").is_file()
    assert load_baseline(tmp_path, SHA) == baseline


def test_without_one_the_error_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BaselineError, match="belay baseline"):
        load_baseline(tmp_path, SHA)


def test_an_answer_that_was_changed_afterwards_is_refused(tmp_path: Path) -> None:
    file = save_baseline(recorded(), tmp_path) / "facts.jsonl"
    file.write_text(file.read_text().replace("base does not know", "It is right0."))
    with pytest.raises(BaselineError, match=r"facts\.jsonl is not what was recorded"):
        load_baseline(tmp_path, SHA)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"baseline": 1, "answers_sha256": {}}'])
def test_an_index_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    index = save_baseline(recorded(), tmp_path) / "baseline.json"
    index.write_bytes(content)
    with pytest.raises(BaselineError, match="cannot be read"):
        load_baseline(tmp_path, SHA)


@pytest.mark.parametrize("field", ["base_sha256", "brief_sha256", "judge_version", "engine_version"])
def test_any_other_binding_is_refused_and_named(field: str) -> None:
    other = BINDING.model_copy(update={field: "other"})
    with pytest.raises(BaselineError, match=rf"{field}: .* here, other there"):
        recorded().require(other)


def test_other_sampling_is_refused() -> None:
    with pytest.raises(BaselineError, match="sampling"):
        recorded().require(audits.binding(LOADED, temperature=0.7))


def test_another_version_of_one_measure_is_refused_and_named() -> None:
    changed = BINDING.model_copy(update={"measures": BINDING.measures | {"facts/items": "other"}})
    with pytest.raises(BaselineError, match=r"version of facts/items: \w+ here, other there") as refused:
        recorded().require(changed)
    assert "support" not in str(refused.value)
    fewer = BINDING.model_copy(update={"measures": {}})
    with pytest.raises(BaselineError, match=r"version of sums/items: \w+ here, none there"):
        recorded().require(fewer)


def test_the_same_binding_is_accepted() -> None:
    recorded().require(BINDING)


def test_a_capability_without_audit_items_is_refused() -> None:
    loaded = brief(capability("support", role="target"), items=0)
    with pytest.raises(BriefError, match="split 'audit'"):
        audits.measures_of(loaded)


def test_the_watched_capabilities_share_the_weight_and_the_floor_is_not_watched() -> None:
    watches = brief_watches(LOADED, recorded())
    assert [w.name for w in watches] == ["support", "facts", "sums", "riddles"]
    assert [w.watched for w in watches] == [True, True, True, False]
    assert sum(w.weight for w in watches) == pytest.approx(1.0)
    assert watches[3].weight == 0.0
    assert watches[0].role == "target"


def test_a_capability_that_nobody_can_score_is_not_watched_and_takes_no_weight() -> None:
    found = recorded()
    measures = tuple(
        m.model_copy(update={"mean": None, "not_measured": "the judge gives no grade"})
        if m.name == "facts"
        else m
        for m in found.measures
    )
    watches = brief_watches(LOADED, found.model_copy(update={"measures": measures}))
    assert [w.watched for w in watches] == [True, False, True, False]
    assert [w.weight for w in watches] == [0.5, 0.0, 0.5, 0.0]
