"""Every method through the pipeline: it takes effect, and a candidate comes out that is whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from serving.models.manifest import attest
from tests.trainer.tiny import tiny_base
from trainer.config import TrainSettings
from trainer.pipeline import run

METHODS: dict[str, dict[str, Any]] = {
    "dora": {"lora": {"rank": 2, "variant": "dora"}},
    "rslora": {"lora": {"rank": 2, "variant": "rslora"}},
    "corda": {"lora": {"rank": 2, "variant": "corda"}},
    "osf": {"lora": {"rank": 2, "variant": "osf"}},
    "oplora": {"lora": {"rank": 2, "variant": "oplora", "keep": 3}},
    "mlp only": {"lora": {"rank": 2, "targets": "mlp"}},
    "ewc": {"ewc": {"strength": 1e4, "fisher": "true"}},
    "factored ewc": {"ewc": {"strength": 1e4, "storage": "factored"}},
    "ewc on corda": {"lora": {"rank": 2, "variant": "corda"}, "ewc": {"strength": 1e4}},
    "sam": {"sam": {}},
    "sparse sam": {"sam": {"layers": 0.2, "every": 2}},
    "sam on osf": {"sam": {}, "lora": {"rank": 2, "variant": "osf"}},
    "average": {"average": {"last": 0.6}},
    "soft target": {"target": {"weigh": "entropy"}},
    "asft": {"target": {"weigh": "probability", "kl": 0.1}},
    "mask the target": {"target": {"kl": 1.0, "kl_without_label": True}},
    "low perplexity": {"target": {"most_perplexity": 60.0}},
    "half way": {"merge": {"weights": [0.5]}},
    "slerp": {"merge": {"method": "slerp", "weights": [0.5]}},
    "pruned": {"merge": {"prune": {"keep": 0.2}}},
    "all": {
        "lora": {"rank": 2, "variant": "corda"},
        "ewc": {"strength": 1e4, "storage": "factored"},
        "sam": {"layers": 0.5, "every": 3},
        "average": {"last": 0.5},
        "target": {"weigh": "entropy", "kl": 0.2, "kl_without_label": True},
        "merge": {"method": "slerp", "weights": [0.7], "prune": {"keep": 0.5}},
    },
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base, a target's dialogues and retention dialogues."""
    folder = tmp_path_factory.mktemp("methods")
    tiny_base(folder / "base", spread=0.3)
    for name, question, answer in (
        ("train", "where is my parcel", "it is on its way"),
        ("retention", "hello how are you", "fine thanks"),
    ):
        turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        (folder / f"{name}.jsonl").write_text((json.dumps({"messages": turns}) + "\n") * 8)
    return folder


@pytest.fixture(scope="module")
def plain(place: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    """The weights that LoRA alone comes to."""
    return trained(place, tmp_path_factory.mktemp("plain") / "c")


def trained(place: Path, output: Path, **changes: Any) -> dict[str, torch.Tensor]:
    given = {
        "base": place / "base",
        "data": place / "train.jsonl",
        "output": output,
        "name": "tiny",
        "steps": 5,
        "batch_size": 4,
        "learning_rate": 0.02,
        "lora": {"rank": 2},
        "mix": [{"path": place / "retention.jsonl", "share": 0.25}],
        "threads": 1,
        "watch": None,
        **changes,
    }
    folder = run(TrainSettings.model_validate(given))
    attest(folder)
    return load_file(str(folder / "model.safetensors"))


def moved(weights: dict[str, torch.Tensor], place: Path) -> float:
    base = load_file(str(place / "base" / "model.safetensors"))
    return sum(float((weights[name].float() - values.float()).norm()) for name, values in base.items())


@pytest.mark.parametrize("method", METHODS)
def test_every_method_takes_effect_and_gives_a_whole_candidate(
    place: Path, plain: dict[str, torch.Tensor], tmp_path: Path, method: str
) -> None:
    weights = trained(place, tmp_path / "c", **METHODS[method])
    assert weights.keys() == plain.keys()
    assert all(values.dtype == torch.bfloat16 for values in weights.values())
    assert any(not torch.equal(values, plain[name]) for name, values in weights.items())
    assert moved(weights, place) > 0


def test_all_methods_together_repeat_bit_by_bit(place: Path, tmp_path: Path) -> None:
    one, same = (trained(place, tmp_path / name, **METHODS["all"]) for name in ("one", "same"))
    assert all(torch.equal(values, same[name]) for name, values in one.items())


def test_a_strong_penalty_keeps_the_weights_near_base(
    place: Path, plain: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    strong = trained(place, tmp_path / "c", ewc={"strength": 1e8, "fisher": "true"})
    assert moved(strong, place) < 0.7 * moved(plain, place)


def test_the_fisher_is_taken_once_for_all_runs_on_the_same_base_and_data(place: Path, tmp_path: Path) -> None:
    for old in place.glob("base.fisher-*"):
        old.unlink()
    for name in ("one", "two"):
        trained(place, tmp_path / name, ewc={"fisher": "true"}, learning_rate=0.01 if name == "one" else 0.03)
    assert len(list(place.glob("base.fisher-*"))) == 1


def test_a_pruned_candidate_says_so_in_its_manifest_in_its_report_and_while_it_is_made(
    place: Path, tmp_path: Path
) -> None:
    given = {"base": place / "base", "data": place / "train.jsonl", "name": "tiny", "steps": 2, "threads": 1}
    told: dict[str, list[str]] = {"plain": [], "pruned": []}
    for name, merge in (("plain", {}), ("pruned", {"prune": {"keep": 0.2}})):
        settings = TrainSettings.model_validate({**given, "output": tmp_path / name, "merge": merge})
        folder = run(settings, notice=told[name].append)
        says = "20% of the entries" in (folder / "training.html").read_text()
        assert says == (name == "pruned")
        assert any("adapter/ is not pruned" in line for line in told[name]) == says
        assert attest(folder).settings["merge"].get("prune") == merge.get("prune")
