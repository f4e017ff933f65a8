"""The baseline: recorded once, kept whole, compared with nothing that was asked otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from evaluator.baseline import (
    Baseline,
    Binding,
    at_floor,
    binding_of,
    load_baseline,
    record_baseline,
    save_baseline,
)
from evaluator.brief import Capability
from evaluator.watches import brief_watches
from telemetry.errors import BaselineError, BriefError, InfrastructureError
from tests.evaluator.briefs import ITEMS, brief, capability, model

LOADED = brief()
SHA = "a" * 64


def binding() -> Binding:
    return binding_of(LOADED, SHA, "engine 1")


def recorded() -> Baseline:
    return record_baseline(LOADED, model(support=0.3, facts=0.9, sums=1.0, riddles=0.0), binding())


def test_it_asks_the_audit_items_and_no_others() -> None:
    asked: list[str] = []

    def ask(capability: Capability, prompts: Sequence[str]) -> list[str]:  # noqa: ARG001 -- the callable's shape
        asked.extend(prompts)
        return ["right0"] * len(prompts)

    record_baseline(LOADED, ask, binding())
    assert len(asked) == 4 * ITEMS
    assert not any("traffic" in prompt for prompt in asked)


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
    file.write_text(file.read_text().replace("I do not know", "It is right0."))
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
    other = binding().model_copy(update={field: "other"})
    with pytest.raises(BaselineError, match=rf"{field}: .* here, other there"):
        recorded().require(other)


def test_other_sampling_is_refused() -> None:
    with pytest.raises(BaselineError, match="sampling"):
        recorded().require(binding_of(LOADED, SHA, "engine 1", temperature=0.7))


def test_the_same_binding_is_accepted() -> None:
    recorded().require(binding())


@pytest.mark.parametrize(
    ("values", "chance", "threshold", "floor"),
    [
        ([1.0] * 40 + [0.0] * 20, 0.0, 0.1, False),
        ([1.0] * 40 + [0.0] * 20, 0.5, 0.1, False),
        ([1.0] * 33 + [0.0] * 27, 0.5, 0.01, True),  # 55% may be luck where guessing gives 50%
        ([0.0] * 60, 0.0, 0.1, True),
        ([1.0] * 5 + [0.0] * 55, 0.0, 0.1, True),  # 8%: falling to nothing stays within the threshold
        ([0.5] * 60, 0.25, 0.1, False),
        ([0.26] * 10, 0.25, 0.001, True),
        ([], 0.0, 0.1, True),
    ],
)
def test_a_base_that_could_not_be_seen_to_fall_is_at_the_floor(
    values: list[float], chance: float, threshold: float, floor: bool
) -> None:
    assert (at_floor(values, chance, threshold) is not None) == floor


def test_an_engine_that_answers_too_few_prompts_is_an_error() -> None:
    with pytest.raises(InfrastructureError, match="asked 60 prompts of 'support', got 1"):
        record_baseline(LOADED, lambda _capability, prompts: prompts[:1], binding())


def test_a_capability_without_audit_items_is_refused() -> None:
    loaded = brief(capability("support", role="target"), items=0)
    with pytest.raises(BriefError, match="split 'audit'"):
        record_baseline(loaded, model(support=1.0), binding_of(loaded, SHA, "e"))


def test_the_watched_capabilities_share_the_weight_and_the_floor_is_not_watched() -> None:
    watches = brief_watches(LOADED, recorded())
    assert [w.name for w in watches] == ["support", "facts", "sums", "riddles"]
    assert [w.watched for w in watches] == [True, True, True, False]
    assert sum(w.weight for w in watches) == pytest.approx(1.0)
    assert watches[3].weight == 0.0
    assert watches[0].role == "target"
