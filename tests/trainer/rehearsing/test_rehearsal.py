from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from evaluator.audit.benchmarks.texts import brief_texts
from evaluator.briefs.brief import LoadedBrief, load_brief
from telemetry.errors import BriefError, UsageError
from telemetry.events import Message
from tests.trainer.tiny_shop import tiny_shop
from trainer.config import DecontaminationSettings, RehearsalSettings
from trainer.data.decontaminate import Protected
from trainer.data.encoding import IGNORED, encode_source
from trainer.rehearsing import self_prompts
from trainer.rehearsing.base_answers import Asking, asking, remembered_conversations
from trainer.rehearsing.generate import Answer
from trainer.rehearsing.prompts import read_prompts
from trainer.rehearsing.rehearsal import Rehearsal, rehearse

NOTHING = Protected([], DecontaminationSettings())


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def loaded(shop: Path) -> LoadedBrief:
    return load_brief(shop / "brief.yaml")


class Base:
    """Answers by a table, anything else with `other`; keeps what it was asked."""

    def __init__(self, table: dict[str, Answer] | None = None, other: str = "fine thanks") -> None:
        self.table, self.other = table or {}, Answer(other, 2, ended=True)
        self.asked: list[Sequence[Message]] = []

    def __call__(self, talks: Sequence[Sequence[Message]], _: int) -> list[Answer]:
        self.asked += talks
        return [self.table.get(talk[-1].content, self.other) for talk in talks]


def rehearsed(
    loaded: LoadedBrief | None, ask: Asking, protected: Protected = NOTHING, **changes: Any
) -> Rehearsal:
    return rehearse(RehearsalSettings(**changes), loaded, protected, ask, lambda _: None, seed=7)


def prompts_file(path: Path, *rows: tuple[str, str]) -> Path:
    lines = [json.dumps({"capability": name, "prompt": prompt}) for name, prompt in rows]
    path.write_text("\n".join([*lines, "", ""]))
    return path


def exemplars(loaded: LoadedBrief, name: str) -> list[str]:
    return list(loaded.brief.capability(name).exemplars)


def test_base_answers_the_exemplars_of_every_adjacent_capability_and_none_of_the_target(
    loaded: LoadedBrief,
) -> None:
    base = Base()
    found = rehearsed(loaded, base)
    assert list(found.dialogues) == ["greetings", "manners"]
    for name, dialogues in found.dialogues.items():
        assert [dialogue.messages[0].content for dialogue in dialogues] == exemplars(loaded, name)
        assert {dialogue.messages[1].content for dialogue in dialogues} == {"fine thanks"}
    assert len(base.asked) == sum(map(len, found.dialogues.values()))


def test_every_capability_gets_the_same_part_of_the_share(loaded: LoadedBrief) -> None:
    sources = rehearsed(loaded, Base()).sources
    assert [(source.name, source.share) for source in sources] == [
        ("rehearsal/greetings", 0.25),
        ("rehearsal/manners", 0.25),
    ]
    assert all(source.rehearsed for source in sources)
    other = rehearsed(loaded, Base(other="how are you")).sources
    assert {source.sha256 for source in sources}.isdisjoint(source.sha256 for source in other)


def test_answers_that_are_empty_or_loop_are_dropped_and_counted_and_cut_ones_kept(
    loaded: LoadedBrief,
) -> None:
    empty, loops, cut = exemplars(loaded, "greetings")[:3]
    table = {
        empty: Answer(" ", 1, ended=True),
        loops: Answer("how are you " * 6, 18, ended=False),
        cut: Answer("how are", 2, ended=False),
    }
    found = rehearsed(loaded, Base(table))
    assert found.dropped == {"greetings": {"answer empty": 1, "answer repeats itself": 1}}
    kept = {dialogue.messages[0].content: dialogue.cut for dialogue in found.dialogues["greetings"]}
    assert kept == {prompt: prompt == cut for prompt in exemplars(loaded, "greetings")[2:]}
    row = found.to_json()["greetings"]
    assert (row["answers"], row["cut"]) == (len(kept), 1)


def test_a_capability_with_nothing_left_is_an_error_and_not_forgotten(
    loaded: LoadedBrief, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"nothing of 'greetings' to rehearse: \d+ answer empty"):
        rehearsed(loaded, Base(other=""))
    file = prompts_file(tmp_path / "p.jsonl", ("greetings", "hello how"))
    with pytest.raises(UsageError, match="nothing of 'manners' to rehearse: it has no prompt"):
        rehearsed(loaded, Base(), prompts=file, exemplars=False)


def test_prompts_of_traffic_are_taken_once_unless_they_overlap_an_item(
    loaded: LoadedBrief, tmp_path: Path
) -> None:
    item = loaded.items["greetings"][0].prompt
    known = exemplars(loaded, "manners")[0]
    file = prompts_file(
        tmp_path / "p.jsonl",
        ("greetings", "parcel parcel hello"),
        ("greetings", f" {item.upper()} "),
        ("manners", f"  {known.upper()}"),
        ("parcels", "where is my parcel"),
    )
    protected = Protected(brief_texts(loaded), DecontaminationSettings())
    found = rehearsed(loaded, Base(), protected, prompts=file)
    assert found.dropped == {
        "greetings": {"prompt shares words with a benchmark item": 1},
        "manners": {"prompt not new": 1},
    }
    assert len(found.dialogues["greetings"]) == len(exemplars(loaded, "greetings")) + 1


def test_exemplars_that_share_words_with_items_are_kept_and_told(loaded: LoadedBrief) -> None:
    wide = Protected([("item", exemplars(loaded, "manners")[0])], DecontaminationSettings(ngram=3))
    found = rehearsed(loaded, Base(), wide)
    assert len(found.dialogues["manners"]) == len(exemplars(loaded, "manners"))
    assert found.to_json()["manners"]["exemplars_like_items"] >= 1


def test_base_writes_prompts_and_those_of_another_capability_are_dropped(loaded: LoadedBrief) -> None:
    written = "parcel way is thanks you"

    def tag(prompt: str) -> str | None:
        return "manners" if prompt == written else None

    settings = RehearsalSettings(self_generated=1)
    found = rehearse(settings, loaded, NOTHING, Base(other=written), tag, seed=7)
    assert dict(found.written) == {"manners": 1}
    assert found.dialogues["manners"][-1].messages[0].content == written
    assert found.dropped["greetings"] == {"prompt another capability's": 4}


def test_the_briefs_system_prompt_is_said_before(loaded: LoadedBrief) -> None:
    brief = loaded.brief.model_copy(update={"system_prompt": "be kind"})
    found = rehearsed(loaded.model_copy(update={"brief": brief}), Base())
    roles = [turn.role for turn in found.dialogues["manners"][0].messages]
    assert roles == ["system", "user", "assistant"]


def test_without_a_brief_the_file_names_the_capabilities(tmp_path: Path) -> None:
    file = prompts_file(tmp_path / "p.jsonl", ("greetings", "hello"), ("sums", "3 + 4"))
    assert list(rehearsed(None, Base(), prompts=file).dialogues) == ["greetings", "sums"]
    with pytest.raises(UsageError, match="no prompt to rehearse"):
        rehearsed(None, Base(), prompts=prompts_file(tmp_path / "empty.jsonl"))


def test_a_bad_line_of_prompts_is_named(loaded: LoadedBrief, tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text('{"capability": "a", "prompt": "b"}\n{"capability": "a"}\n')
    with pytest.raises(UsageError, match="line 2: not a prompt"):
        read_prompts(tmp_path / "p.jsonl")
    with pytest.raises(UsageError, match="no prompts at"):
        read_prompts(tmp_path / "gone.jsonl")
    file = prompts_file(tmp_path / "q.jsonl", ("greeting", "hello"))
    with pytest.raises(BriefError, match="no capability 'greeting'"):
        rehearsed(loaded, Base(), prompts=file)


def test_what_base_answered_once_is_not_asked_again(
    shop: Path, loaded: LoadedBrief, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(self_prompts, "SHOWN", 1)  # the tiny model has room for 64 tokens
    tokenizer = AutoTokenizer.from_pretrained(str(shop / "base"))
    made: list[int] = []

    def base() -> Asking:
        made.append(1)
        model = AutoModelForCausalLM.from_pretrained(str(shop / "base"), dtype=torch.bfloat16)
        return asking(model, tokenizer)

    def ask(sha256: str = "a" * 64) -> Asking:
        return remembered_conversations(base, tmp_path / "answers.sqlite", sha256, "bfloat16")

    first = rehearsed(loaded, ask(), self_generated=2, max_new_tokens=6)
    asked = len(made)
    assert asked >= 2
    assert rehearsed(loaded, ask(), self_generated=2, max_new_tokens=6) == first
    assert len(made) == asked
    rehearsed(loaded, ask("b" * 64), max_new_tokens=6)
    rehearsed(loaded, ask(), max_new_tokens=5)
    assert len(made) == asked + 2


def test_what_is_rehearsed_is_what_base_says(shop: Path, loaded: LoadedBrief) -> None:
    """Every token that is learnt of base's answers is the likeliest one to base itself."""
    tokenizer = AutoTokenizer.from_pretrained(str(shop / "base"))
    model = AutoModelForCausalLM.from_pretrained(str(shop / "base"), dtype=torch.float32)
    no_words = [token for token in range(32) if token not in range(2, len(tokenizer))]
    model.lm_head.bias = torch.nn.Parameter(torch.zeros(32).index_fill(0, torch.tensor(no_words), -1e4))
    found = rehearsed(loaded, asking(model, tokenizer), max_new_tokens=6)
    learnt, likeliest = [], []
    for source in found.sources:
        for example in encode_source(source, tokenizer, 64)[0]:
            with torch.no_grad():
                best = model(input_ids=torch.tensor([example.tokens])).logits[0].argmax(-1).tolist()
            counted = [place for place, label in enumerate(example.labels) if label != IGNORED]
            learnt += [example.labels[place] for place in counted]
            likeliest += [best[place - 1] for place in counted]
    assert len(learnt) > 50
    assert likeliest == learnt
