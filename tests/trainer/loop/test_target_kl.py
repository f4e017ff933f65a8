"""How far the candidate is from base on the target's prompts, against a computation of one answer at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import entropy
from transformers import AutoModelForCausalLM

from telemetry.errors import UsageError
from tests.trainer.tiny import tiny_base, tiny_tokenizer
from trainer.config import LoraSettings
from trainer.loop.target_kl import LONGEST, TargetKl
from trainer.methods.lora import add_adapter

PROMPTS = ("where is my parcel", "hello", "how are you my way", "is it on its way fine thanks")
LIMIT = 7


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("tiny") / "base")


def base(folder: Path) -> Any:
    made = AutoModelForCausalLM.from_pretrained(str(folder), dtype=torch.float32)
    draw = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if "norm" not in name:
                weight.normal_(std=0.4, generator=draw)
    return made


def candidate(folder: Path, spread: float, variant: str = "lora") -> Any:
    settings = LoraSettings(rank=2, dropout=0.5, variant=variant)  # type: ignore[arg-type]  # parametrised
    adapted = add_adapter(base(folder), settings, seed=0)
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=spread, generator=torch.Generator().manual_seed(2))
    return adapted


def measured(model: Any, *prompts: str, system: str | None = None, limit: int = LIMIT) -> float:
    return TargetKl.about(prompts, system, limit, tiny_tokenizer()).of(model)


def one_by_one(model: Any, folder: Path, *texts: str) -> list[float]:
    """At each token of transformers' own greedy answers, unpadded: scipy's KL of the two distributions."""
    tokenizer, under, found = tiny_tokenizer(), base(folder), []
    model.eval()
    for text in texts:
        asked = tokenizer(text, add_special_tokens=False, return_tensors="pt", return_token_type_ids=False)
        with torch.no_grad():
            whole = model.generate(**asked, max_new_tokens=LIMIT, do_sample=False, pad_token_id=2)
            q, p = (
                net(input_ids=whole).logits[0].double().softmax(-1).numpy() for net in (model, under.eval())
            )
        first = asked["input_ids"].shape[1] - 1
        found += [float(entropy(q[at], p[at])) for at in range(first, whole.shape[1] - 1)]
    return found


def text_of(prompt: str) -> str:
    return f"<s> user : {prompt} </s>\n<s> assistant :"


@pytest.mark.parametrize("variant", ["lora", "dora"])
def test_it_is_the_mean_over_all_tokens_of_the_answers_that_the_candidate_writes(
    folder: Path, variant: str
) -> None:
    model = candidate(folder, 0.4, variant)
    wanted = one_by_one(model, folder, *map(text_of, PROMPTS))
    assert measured(model, *PROMPTS) == pytest.approx(float(np.mean(wanted)), rel=1e-3)
    assert np.mean(wanted) > 0.01


def test_answers_that_do_not_fit_one_pass_count_like_the_others(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = candidate(folder, 0.4)
    together = measured(model, *PROMPTS)
    monkeypatch.setattr("trainer.loop.target_kl._AT_ONCE", 3)
    assert measured(model, *PROMPTS) == pytest.approx(together, rel=1e-4)


def test_the_candidate_is_asked_under_the_brief_s_system_prompt(folder: Path) -> None:
    model = candidate(folder, 0.4)
    wanted = one_by_one(model, folder, f"<s> system : fine thanks </s>\n{text_of(PROMPTS[0])}")
    found = measured(model, PROMPTS[0], system="fine thanks")
    assert found == pytest.approx(float(np.mean(wanted)), rel=1e-3)


def test_a_candidate_that_is_base_still_is_not_away_from_it(folder: Path) -> None:
    assert measured(candidate(folder, 0.0), *PROMPTS) == pytest.approx(0.0, abs=1e-6)


def test_the_model_in_training_is_left_as_it_was(folder: Path) -> None:
    model = candidate(folder, 0.4).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    free = [weight.requires_grad for weight in model.parameters()]
    measured(model, *PROMPTS)
    assert all(module.training for module in model.modules())
    assert free == [weight.requires_grad for weight in model.parameters()]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_long_answer_is_looked_at_up_to_a_limit() -> None:
    asked = TargetKl.about(PROMPTS, None, 500, None), TargetKl.about(PROMPTS, None, 5, None)
    assert [one.max_tokens for one in asked] == [LONGEST, 5]


def test_a_model_without_an_adapter_has_no_base_to_compare_with(folder: Path) -> None:
    with pytest.raises(UsageError, match="no adapter to switch off"):
        measured(base(folder), *PROMPTS)
