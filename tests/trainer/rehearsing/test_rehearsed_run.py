"""The data side through the whole pipeline: mixed, cleaned, packed and rehearsed, on a tiny base."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer

from evaluator.briefs.brief import load_brief
from serving.models.manifest import read_manifest
from telemetry.events import Message
from tests.trainer.tiny_shop import tiny_settings, tiny_shop
from trainer.data.dialogues import Dialogue
from trainer.data.encoding import encode
from trainer.methods import lora
from trainer.methods.kl import divergence
from trainer.methods.objective import labelled_logits, tensors
from trainer.pipeline import run
from trainer.rehearsing import lazy_base
from trainer.rehearsing.base_answers import Asking
from trainer.rehearsing.generate import generate

CLEAN = "how are you fine"
EVERYTHING: dict[str, Any] = {
    "rehearsal": {"share": 0.5, "max_new_tokens": 6, "kl": 0.5},
    "decontaminate": {"ngram": 6},
    "packing": True,
    "max_length": 48,
    "steps": 6,
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_shop(tmp_path_factory.mktemp("shop"))


def mixed(shop: Path, folder: Path) -> dict[str, Any]:
    """A source of which every second dialogue asks what an item asks."""
    item = load_brief(shop / "brief.yaml").items["greetings"][0].prompt
    rows = [{"prompt": prompt, "response": "fine"} for prompt in (CLEAN, item)] * 3
    file = folder / "more.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {"mix": [{"path": file, "share": 0.2}]}


def test_the_record_says_what_was_mixed_dropped_and_rehearsed(shop: Path, tmp_path: Path) -> None:
    folder = run(tiny_settings(shop, tmp_path / "c", **EVERYTHING, **mixed(shop, tmp_path)))
    record = json.loads((folder / "training.json").read_text())
    sources = {source["name"]: source for source in record["sources"]}
    shares = {name: round(source["share"], 6) for name, source in sources.items()}
    assert shares == {
        "target": 0.3,
        "more.jsonl": 0.2,
        "rehearsal/greetings": 0.25,
        "rehearsal/manners": 0.25,
    }
    drawn = sum(source["drawn"] for source in sources.values())
    assert drawn > 6 * 4  # several to a sequence
    for name, source in sources.items():
        assert abs(source["drawn"] - shares[name] * drawn) < 9  # at most eight wait for the next step
    assert sources["more.jsonl"]["examples"] == 3
    assert record["decontamination"]["dropped"]["more.jsonl"] == 3
    assert record["rehearsal"]["greetings"]["answers"] == sources["rehearsal/greetings"]["examples"]
    manifest = read_manifest(folder)
    assert manifest.training is not None
    assert manifest.training["data"]["rehearsal/greetings"] == sources["rehearsal/greetings"]["sha256"]
    assert "rehearsal/greetings" in (folder / "training.html").read_text()


def test_general_prompts_alone_are_rehearsed_without_a_brief(shop: Path, tmp_path: Path) -> None:
    general = {"share": 0.5, "exemplars": False, "general": 44, "max_new_tokens": 6}
    folder = run(tiny_settings(shop, tmp_path / "c", rehearsal=general, brief=None, steps=4, watch=None))
    record = json.loads((folder / "training.json").read_text())
    shares = {source["name"]: source["share"] for source in record["sources"]}
    assert shares == {"target": 0.5, "rehearsal/general": 0.5}
    told = record["rehearsal"]["general"]
    assert told["answers"] + sum(told["dropped"].values()) == 44
    assert told["answers"] > 0
    drawn = {source["name"]: source["drawn"] for source in record["sources"]}
    assert drawn == {"target": 8, "rehearsal/general": 8}


def test_a_second_run_gives_the_same_bytes_and_asks_base_nothing(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    asking = lazy_base.asking

    def counted(*given: Any) -> Asking:
        asked.append(1)
        return asking(*given)

    monkeypatch.setattr(lazy_base, "asking", counted)
    folders = [run(tiny_settings(shop, tmp_path / name, **EVERYTHING)) for name in ("one", "two")]
    assert len(asked) == 1
    one, two = ((folder / "model.safetensors").read_bytes() for folder in folders)
    assert one == two


def test_rehearsal_and_its_divergence_keep_the_candidate_nearer_to_base(shop: Path, tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(str(shop / "base"))
    base = lora.load_base(shop / "base", "bfloat16")
    # On what is rehearsed: on other prompts a model so small says what chance and rounding make of it.
    prompts = [
        prompt
        for capability in load_brief(shop / "brief.yaml").brief.capabilities
        if capability.role == "adjacent"
        for prompt in capability.exemplars
    ]
    asked = [[Message(role="user", content=prompt)] for prompt in prompts]
    answers = generate(base, tokenizer, asked, 6)
    pairs = zip(prompts, answers, strict=True)
    batch = tensors([encode(said(prompt, answer), tokenizer, 48) for prompt, answer in pairs], 0)

    def distance(name: str, **changes: Any) -> float:
        folder = run(tiny_settings(shop, tmp_path / name, learning_rate=0.003, **changes))
        with torch.no_grad():
            logits = [
                labelled_logits(model, batch)[0] for model in (base, lora.load_base(folder, "bfloat16"))
            ]
        return divergence(*logits).item()

    without = distance("without")
    rehearsed = distance("with", rehearsal={"share": 0.5, "max_new_tokens": 6})
    held = distance("held", rehearsal={"share": 0.5, "max_new_tokens": 6, "kl": 2.0})
    assert held < rehearsed < without


def said(prompt: str, answer: str) -> Dialogue:
    turns = (Message(role="user", content=prompt), Message(role="assistant", content=answer or "fine"))
    return Dialogue(messages=turns)
