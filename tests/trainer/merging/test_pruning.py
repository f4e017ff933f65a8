from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from telemetry.errors import SettingsError
from tests.trainer.merging.test_writing import adapter, load
from tests.trainer.tiny import tiny_base
from trainer.config import MergeSettings, TrainSettings, load_train_settings
from trainer.merging.pruning import metric, pruned
from trainer.merging.search import merge_searched
from trainer.merging.writing import interpolate


def scores(weight: torch.Tensor, change: torch.Tensor) -> list[float]:
    """The formula entry by entry, in Python's numbers."""
    mean = sum(abs(w) for w in weight.flatten().tolist()) / weight.numel()
    pairs = zip(weight.flatten().tolist(), change.flatten().tolist(), strict=True)
    return [abs(d) - mean * abs(d) / abs(w) for w, d in pairs]


def matrices(seed: int, rows: int, columns: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    start = torch.randn(rows, columns, generator=generator)
    return start, start + 0.1 * torch.randn(rows, columns, generator=generator)


@given(st.integers(0, 999), st.integers(1, 6), st.integers(1, 6), st.floats(0.01, 0.99))
def test_the_best_entries_by_the_formula_stay_as_they_are_and_the_others_are_base_s(
    seed: int, rows: int, columns: int, keep: float
) -> None:
    start, final = matrices(seed, rows, columns)
    made = pruned(start, final, keep)
    expected = scores(start.double(), final.double() - start.double())
    best = sorted(range(len(expected)), key=lambda n: -expected[n])[: max(1, round(keep * len(expected)))]
    flat = [values.flatten() for values in (made, start, final)]
    for place, (value, before, after) in enumerate(zip(*flat, strict=True)):
        assert torch.equal(value, after if place in best else before)


def test_a_change_that_is_as_large_counts_more_where_base_s_weight_is_large() -> None:
    start = torch.tensor([[2.0, 0.1, 1.0, 0.5]])
    assert torch.equal(pruned(start, start + 0.01, 0.25), start + torch.tensor([[0.01, 0.0, 0.0, 0.0]]))


def test_which_entries_stay_does_not_depend_on_how_far_the_fine_tune_is_merged() -> None:
    start, final = matrices(3, 8, 8)
    whole, half = ((pruned(start, start + t * (final - start), 0.3) != start) for t in (1.0, 0.5))
    assert torch.equal(whole, half)


def test_zeros_have_a_score_that_is_a_number_or_comes_last() -> None:
    weight, change = torch.tensor([[0.0, 0.0, 1.0, 2.0]]), torch.tensor([[0.0, 0.5, 0.5, 0.0]])
    found = metric(weight, change).tolist()[0]
    assert found[0] == found[3] == 0.0
    assert found[1] == float("-inf")
    assert found[2] == pytest.approx(0.5 - 0.75 * 0.5)
    assert torch.equal(metric(torch.zeros(1, 4), change), change)


def test_a_vector_is_not_pruned() -> None:
    assert torch.equal(pruned(torch.ones(4), torch.arange(4.0), 0.25), torch.arange(4.0))


@pytest.mark.parametrize("variant", ["lora", "dora"])
def test_a_merged_model_has_that_part_of_each_layer_s_changes_and_the_adapter_all(
    tmp_path: Path, variant: str
) -> None:
    base = tiny_base(tmp_path / "base", spread=0.3)
    folder = adapter(base, tmp_path / "adapter", variant)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    interpolate(base, folder, tmp_path / "whole", dtype="float32")
    interpolate(base, folder, tmp_path / "pruned", dtype="float32", keep=0.2)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    start, whole, found = load(base), load(tmp_path / "whole"), load(tmp_path / "pruned")
    changed = [name for name in start if not torch.equal(whole[name], start[name])]
    assert len(changed) == 14
    for name, values in found.items():
        stays = values != start[name]
        assert int(stays.sum()) == (round(0.2 * values.numel()) if name in changed else 0)
        assert torch.equal(values[stays], whole[name][stays])


def test_a_merge_by_the_settings_is_pruned(tmp_path: Path) -> None:
    base = tiny_base(tmp_path / "base", spread=0.3)
    folder = adapter(base, tmp_path / "adapter")
    made = []
    for name, prune in (("whole", None), ("pruned", {"keep": 0.2})):
        merge = MergeSettings.model_validate({"prune": prune})
        settings = TrainSettings(base=base, data=base, output=tmp_path / "c", name="c", merge=merge)
        merge_searched(settings, folder, tmp_path / name, tmp_path, lambda: pytest.fail("asked"))
        values, start = load(tmp_path / name), load(base)
        made.append(sum(int((values[key] != start[key]).sum()) for key in values))
    assert 0 < made[1] < 0.25 * made[0]


@pytest.mark.parametrize("keep", [0, 1, 1.5])
def test_a_part_that_prunes_nothing_or_all_is_refused(tmp_path: Path, keep: float) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(f"base: b\ndata: d\noutput: o\nname: c\nmerge: {{prune: {{keep: {keep}}}}}\n")
    with pytest.raises(SettingsError, match=r"merge\.prune\.keep"):
        load_train_settings(path)
