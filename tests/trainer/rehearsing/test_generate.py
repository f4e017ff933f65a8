from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from telemetry.errors import UsageError
from telemetry.events import Message
from tests.trainer.tiny import WORDS, tiny_base, tiny_tokenizer
from trainer.config import LoraSettings
from trainer.data.encoding import render
from trainer.methods.lora import add_adapter
from trainer.methods.modes import answering, as_base
from trainer.rehearsing import generate as module
from trainer.rehearsing.generate import answer, generate

Conversation = tuple[Message, ...]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("tiny") / "base")


@pytest.fixture
def model(folder: Path, tokenizer: Any) -> Any:
    """With weights so large that answers depend on the whole conversation; as made, it repeats the last word."""
    made = AutoModelForCausalLM.from_pretrained(str(folder), dtype=torch.float32)
    made.resize_token_embeddings(len(tokenizer))
    draw = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if "norm" not in name:
                weight.normal_(std=0.6, generator=draw)
    return made


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return tiny_tokenizer()


def asking(text: str) -> Conversation:
    return (Message(role="user", content=text),)


def questions(count: int) -> list[Conversation]:
    """Of 1 to 9 words each, and every third one after an earlier turn."""
    draw = torch.Generator().manual_seed(3)
    made: list[Conversation] = []
    for number in range(count):
        picks = torch.randint(len(WORDS), (int(torch.randint(1, 10, (1,), generator=draw)),), generator=draw)
        turns = asking(" ".join(WORDS[i] for i in picks.tolist()))
        before = (*asking("hello"), Message(role="assistant", content="fine")) if number % 3 == 0 else ()
        made.append((*before, *turns))
    return made


def with_adapter(model: Any) -> Any:
    """An adapter that changes answers: fresh ones add nothing, since their B is zero."""
    adapted = add_adapter(model, LoraSettings(rank=2), seed=0)
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.5, generator=torch.Generator().manual_seed(1))
    return adapted


def greedy_ids(model: Any, tokenizer: Any, conversation: Conversation, limit: int) -> list[int]:
    """The independent way: one at a time, transformers' own greedy search."""
    text = render(tokenizer, [m.model_dump() for m in conversation], asks=True)
    asked = tokenizer(text, add_special_tokens=False, return_tensors="pt", return_token_type_ids=False)
    with torch.no_grad():
        out = model.generate(**asked, max_new_tokens=limit, do_sample=False, pad_token_id=2)
    return list(out[0, asked["input_ids"].shape[1] :].tolist())


def by_transformers(model: Any, tokenizer: Any, conversation: Conversation, limit: int) -> str:
    return str(tokenizer.decode(greedy_ids(model, tokenizer, conversation, limit), skip_special_tokens=True))


@pytest.mark.parametrize("batch_size", [1, 4, 20])
def test_answers_are_those_of_greedy_search_one_by_one(model: Any, tokenizer: Any, batch_size: int) -> None:
    asked = questions(20)
    limits = [1 + number % 7 for number in range(20)]
    wanted = [by_transformers(model, tokenizer, *pair) for pair in zip(asked, limits, strict=True)]
    assert generate(model, tokenizer, asked, limits, batch_size=batch_size) == wanted
    assert len({text.split()[-1] for text in wanted}) > 5


def test_a_beginning_that_all_share_changes_no_answer(model: Any, tokenizer: Any) -> None:
    rules = Message(role="system", content="where is my parcel it is on its way thanks")
    asked = [(rules, *conversation) for conversation in questions(12)]
    rows = [module._encode(tokenizer, conversation) for conversation in asked]
    assert module._shared(rows, module.DynamicCache(config=model.config)) >= 11
    wanted = [by_transformers(model, tokenizer, conversation, 6) for conversation in asked]
    assert generate(model, tokenizer, asked, 6) == wanted


def test_equal_conversations_get_equal_answers(model: Any, tokenizer: Any) -> None:
    rules = Message(role="system", content=" ".join(WORDS))
    answers = generate(model, tokenizer, [(rules, *asking("hello"))] * 5, 6)
    assert len(set(answers)) == 1


@pytest.mark.parametrize("limit", [1, 3, 8])
def test_an_answer_ends_before_its_end_mark_and_tells_where_its_limit_cut_it_off(
    model: Any, tokenizer: Any, limit: int
) -> None:
    asked = questions(12)
    model.generation_config.eos_token_id = 30  # a number that no token has
    free = [greedy_ids(model, tokenizer, conversation, 8) for conversation in asked]
    mark = free[0][2]
    model.generation_config.eos_token_id = [2, mark]
    places = [min(said.index(end) if end in said else 8 for end in (2, mark)) for said in free]
    assert len(set(places)) > 3
    found = answer(model, tokenizer, asked, limit)
    wanted = [said[: min(place, limit)] for said, place in zip(free, places, strict=True)]
    assert [one.text for one in found] == [tokenizer.decode(w, skip_special_tokens=True) for w in wanted]
    assert [one.tokens for one in found] == [len(said) for said in wanted]
    assert [one.ended for one in found] == [place < limit for place in places]


def test_base_answers_under_the_adapter_when_it_is_off(model: Any, tokenizer: Any) -> None:
    asked = questions(12)
    base = generate(model, tokenizer, asked, 6)
    adapted = with_adapter(model)
    assert generate(adapted, tokenizer, asked, 6) != base
    assert generate(adapted, tokenizer, asked, 6, adapter=False) == base


@pytest.mark.parametrize("adapter", [True, False])
def test_the_model_is_left_as_it_was_found(model: Any, tokenizer: Any, adapter: bool) -> None:
    adapted = with_adapter(model)
    adapted.train()
    adapted.base_model.model.model.layers[0].eval()  # a part may differ from the whole
    frozen = next(w for name, w in adapted.named_parameters() if "lora_A" in name)
    frozen.requires_grad_(False)

    def state() -> list[Any]:
        modes = [part.training for part in adapted.modules()]
        free = [weight.requires_grad for weight in adapted.parameters()]
        config = adapted.base_model.model.config
        return [
            modes,
            free,
            config.use_cache,
            config._attn_implementation,
            adapted.get_model_status().enabled,
        ]

    before = state()
    generate(adapted, tokenizer, questions(3), 2, adapter=adapter)
    assert state() == before
    with pytest.raises(ZeroDivisionError), answering(adapted, adapter=adapter):
        1 / 0  # noqa: B018 - the block fails
    assert state() == before
    with as_base(adapted):
        assert state() != before
    assert state() == before


def test_progress_tells_every_answer(model: Any, tokenizer: Any) -> None:
    told: list[tuple[int, int]] = []
    generate(model, tokenizer, questions(7), 3, batch_size=3, progress=lambda d, n, _: told.append((d, n)))
    assert told[-1] == (7, 7)
    assert [done for done, _ in told] == sorted({done for done, _ in told})


def test_nothing_asked_is_nothing_answered(model: Any, tokenizer: Any) -> None:
    assert generate(model, tokenizer, [], 4) == []


def test_what_cannot_be_answered_is_refused(model: Any, tokenizer: Any) -> None:
    with pytest.raises(UsageError, match="2 limits of tokens for 1 conv"):
        generate(model, tokenizer, [asking("hello")], [1, 2])
    with pytest.raises(UsageError, match="at most 0 tokens"):
        generate(model, tokenizer, [asking("hello")], 0)
    with pytest.raises(UsageError, match="context of 64"):
        generate(model, tokenizer, [asking("hello")], 60)
    with pytest.raises(UsageError, match="without a message"):
        generate(model, tokenizer, [()], 4)
