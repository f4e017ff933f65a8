"""General prompts beside, or in the place of, those of the brief's capabilities."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.audit.benchmarks.texts import brief_texts
from evaluator.briefs.brief import LoadedBrief, load_brief
from evaluator.judge.tagging.general import general_prompts
from telemetry.errors import UsageError
from tests.trainer.rehearsing.test_rehearsal import Base, exemplars, prompts_file, rehearsed
from tests.trainer.tiny_shop import tiny_shop
from trainer.config import DecontaminationSettings
from trainer.data.decontaminate import Protected
from trainer.rehearsing import rehearsal
from trainer.rehearsing.general import in_turn, shipped_prompts
from trainer.rehearsing.rehearsal import Rehearsal, shares_of

topics = st.dictionaries(
    st.text("abc", min_size=1), st.integers(0, 5).map(lambda n: [str(i) for i in range(n)]), max_size=5
)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> LoadedBrief:
    return load_brief(tiny_shop(tmp_path_factory.mktemp("shop")) / "brief.yaml")


def asked(found: Rehearsal) -> list[str]:
    return [dialogue.messages[-2].content for dialogue in found.dialogues["general"]]


def ships(monkeypatch: pytest.MonkeyPatch, *prompts: str) -> None:
    monkeypatch.setattr(rehearsal, "shipped_prompts", lambda: list(prompts))


@given(topics, st.integers(0, 25))
def test_the_first_prompts_are_spread_evenly_over_the_topics(found: dict[str, list[str]], first: int) -> None:
    named = {name: [f"{name} {prompt}" for prompt in prompts] for name, prompts in found.items()}
    whole = in_turn(named)
    assert sorted(whole) == sorted(prompt for prompts in named.values() for prompt in prompts)
    taken = Counter(prompt.split()[0] for prompt in whole[:first])
    most = max(taken.values(), default=0)
    for name, prompts in named.items():
        assert taken[name] >= min(len(prompts), most - 1)


def test_as_many_prompts_as_there_are_topics_are_one_of_each() -> None:
    of = {prompt: topic for topic, prompts in general_prompts().items() for prompt in prompts}
    shipped = shipped_prompts()
    assert len(shipped) == len(of)
    count = len(general_prompts())
    assert {of[prompt] for prompt in shipped[:count]} == set(general_prompts())


@given(st.integers(0, 9), st.floats(0.01, 0.99), st.sampled_from([0.0, 0.1, 0.5, 0.9]))
def test_the_parts_add_up_to_the_rehearsal_s(count: int, share: float, general: float) -> None:
    names = [f"c{number}" for number in range(count)]
    found = shares_of(names, share, general)
    assert sum(found.values()) == pytest.approx(share)
    assert found.get("general", 0.0) == pytest.approx(share * general if names else share)
    assert len({found[name] for name in names}) <= 1


def test_base_answers_general_prompts_which_take_their_part_of_the_rehearsal(loaded: LoadedBrief) -> None:
    found = rehearsed(loaded, Base(), general=5, general_share=0.2)
    assert asked(found) == shipped_prompts()[:5]
    assert {source.name: round(source.share, 9) for source in found.sources} == {
        "rehearsal/greetings": 0.2,
        "rehearsal/manners": 0.2,
        "rehearsal/general": 0.1,
    }
    assert found.to_json()["general"]["answers"] == 5
    assert asked(rehearsed(loaded, Base(), general=9))[:5] == asked(found)


def test_without_general_prompts_everything_is_as_it_was(loaded: LoadedBrief) -> None:
    found = rehearsed(loaded, Base(), general=0, general_share=0.9)
    assert found.shares == {"greetings": 0.25, "manners": 0.25}


@pytest.mark.parametrize("brief", [True, False])
def test_general_prompts_alone_take_the_whole_rehearsal_and_need_no_capability(
    loaded: LoadedBrief, brief: bool
) -> None:
    found = rehearsed(loaded if brief else None, Base(), general=3, exemplars=False)
    assert [(source.name, source.share) for source in found.sources] == [("rehearsal/general", 0.5)]


def test_a_file_of_prompts_still_has_to_cover_every_capability(loaded: LoadedBrief, tmp_path: Path) -> None:
    file = prompts_file(tmp_path / "p.jsonl", ("greetings", "hello how"))
    with pytest.raises(UsageError, match="nothing of 'manners' to rehearse"):
        rehearsed(loaded, Base(), prompts=file, exemplars=False, general=3)


def test_what_stands_among_items_or_exemplars_gives_way_to_the_next(
    loaded: LoadedBrief, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = {split: loaded.items_of("greetings", split)[0].prompt for split in ("audit", "tuning")}
    ships(
        monkeypatch,
        f"  {items['audit'].upper()}?",
        items["tuning"],
        exemplars(loaded, "manners")[0].title(),
        "What is rust?",
        "Is Oslo far?",
        "Are owls wise?",
    )
    protected = Protected(brief_texts(loaded), DecontaminationSettings())
    found = rehearsed(loaded, Base(), protected, general=2)
    assert asked(found) == ["What is rust?", "Is Oslo far?"]
    assert found.dropped == {"general": {"prompt not new": 1, "prompt shares words with a benchmark item": 2}}


def test_where_all_general_prompts_are_items_nothing_is_left_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ships(monkeypatch, "What is rust?")
    protected = Protected([("item", "what is rust")], DecontaminationSettings())
    with pytest.raises(UsageError, match=r"nothing of 'general' to rehearse: 1 prompt shares words"):
        rehearsed(None, Base(), protected, general=1, exemplars=False)


def test_more_than_ship_is_refused_with_both_numbers(loaded: LoadedBrief) -> None:
    with pytest.raises(UsageError, match="general is 5000, and 527 general prompts ship"):
        rehearsed(loaded, Base(), general=5000)


def test_a_capability_of_the_same_name_is_refused(loaded: LoadedBrief, tmp_path: Path) -> None:
    file = prompts_file(tmp_path / "p.jsonl", ("general", "hello how"))
    with pytest.raises(UsageError, match="a capability is called 'general'"):
        rehearsed(None, Base(), prompts=file, exemplars=False, general=1)
    alone = rehearsed(None, Base(), prompts=file, exemplars=False)
    assert alone.shares == {"general": 0.5}
    named = loaded.brief.capabilities[-1].model_copy(update={"name": "general"})
    brief = loaded.brief.model_copy(update={"capabilities": (*loaded.brief.capabilities, named)})
    with pytest.raises(UsageError, match="a capability is called 'general'"):
        rehearsed(loaded.model_copy(update={"brief": brief}), Base(), general=1, exemplars=False)


def test_base_writes_prompts_after_those_of_capabilities_and_not_after_general_ones(
    loaded: LoadedBrief,
) -> None:
    base = Base(other="parcel way is thanks you")
    found = rehearsed(loaded, base, self_generated=1, general=2)
    assert set(found.written) <= {"greetings", "manners"}
    assert len(found.dialogues["general"]) == 2
