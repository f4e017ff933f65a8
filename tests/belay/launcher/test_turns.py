"""What the replay client sends: planned by the brief's shares and seeded, or read from a file of prompts."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from pathlib import Path

import pytest

from belay.launcher.turns import plan_traffic, read_turns
from belay.launcher.unseen import write_unseen
from evaluator.briefs.brief import LoadedBrief, load_brief
from telemetry.errors import UsageError
from tests.places import BRIEF, ROOT


@pytest.fixture(scope="module")
def loaded() -> LoadedBrief:
    return load_brief(BRIEF)


def test_the_same_seed_gives_the_same_traffic(loaded: LoadedBrief) -> None:
    assert plan_traffic(loaded, 300, seed=3) == plan_traffic(loaded, 300, seed=3)
    assert plan_traffic(loaded, 300, seed=3) != plan_traffic(loaded, 300, seed=4)


def test_capabilities_come_by_their_share_of_traffic(loaded: LoadedBrief) -> None:
    count = 6000
    turns = plan_traffic(loaded, count, seed=11)
    seen = Counter(turn.truth.capability for turn in turns if turn.truth is not None)
    for capability in loaded.brief.capabilities:
        sigma = (count * capability.share * (1 - capability.share)) ** 0.5
        assert abs(seen[capability.name] - count * capability.share) < 4.5 * sigma


def test_subjects_come_back_but_not_at_once(loaded: LoadedBrief) -> None:
    turns = plan_traffic(loaded, 2000, seed=5)
    visits = Counter(turn.subject for turn in turns)
    assert max(visits.values()) == 3
    returning = sum(1 for n in visits.values() if n > 1)
    assert 0.5 < returning / len(visits) < 0.8
    places: dict[str, list[int]] = {}
    for place, turn in enumerate(turns):
        places.setdefault(turn.subject, []).append(place)
    gaps = [b - a for spots in places.values() for a, b in itertools.pairwise(spots)]
    assert sorted(gaps)[len(gaps) // 2] > 10


def test_prompts_are_never_those_of_the_audit(loaded: LoadedBrief) -> None:
    audit = {item.prompt for items in loaded.items.values() for item in items if item.split == "audit"}
    assert not audit & {turn.prompt for turn in plan_traffic(loaded, 2000, seed=9)}


def test_the_truth_of_an_item_is_its_reference(loaded: LoadedBrief) -> None:
    known = {(name, i.prompt): i.reference for name, items in loaded.items.items() for i in items}
    for turn in plan_traffic(loaded, 200, seed=2):
        assert turn.truth is not None
        assert turn.truth.reference == known[(str(turn.truth.capability), turn.prompt)]


def file(path: Path, *lines: object) -> Path:
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    return path


ASKED = {"role": "user", "content": "And in winter?"}


def test_a_file_of_prompts_is_read_in_its_order_with_whole_conversations(tmp_path: Path) -> None:
    talk = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}, ASKED]
    path = file(
        tmp_path / "prompts.jsonl",
        {"messages": talk, "session": "anna", "max_tokens": 9, "truth": {"capability": None}},
        {"messages": [ASKED]},
        {"messages": [ASKED], "truth": {"capability": "facts", "verifier": "number", "reference": 3}},
    )
    first, second, third = read_turns(path, 10, seed=1)
    assert [m.model_dump() for m in first.messages] == talk
    assert (first.subject, first.max_tokens, first.prompt) == ("anna", 9, "And in winter?")
    assert first.truth is not None
    assert first.truth.capability is None
    assert second.truth is None
    assert second.subject != third.subject
    assert third.truth is not None
    assert (third.truth.capability, third.truth.reference) == ("facts", 3)
    assert read_turns(path, 2, seed=1) == [first, second]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ({"messages": []}, "1 is no prompt"),
        ({"mesages": [ASKED]}, "did you mean 'messages'"),
        ({"messages": [{"role": "assistant", "content": "Hello!"}]}, "the last message is the assistant's"),
        ({"messages": [ASKED], "truth": {"verifier": "number"}}, "capability"),
        ({"messages": [ASKED], "truth": {"capability": "a", "verifier": "numbr"}}, "did you mean 'number'"),
    ],
)
def test_a_line_that_is_no_prompt_is_told_with_its_place(tmp_path: Path, line: object, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        read_turns(file(tmp_path / "prompts.jsonl", line), 10, seed=1)


def test_a_file_without_prompts_or_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no prompts"):
        read_turns(file(tmp_path / "empty.jsonl"), 10, seed=1)
    with pytest.raises(UsageError, match="cannot be read"):
        read_turns(tmp_path / "none.jsonl", 10, seed=1)


def test_the_script_beside_a_brief_writes_what_can_be_sent(tmp_path: Path, loaded: LoadedBrief) -> None:
    written = write_unseen(BRIEF.parent, tmp_path / "home" / "unseen.jsonl", 60, seed=5)
    turns = read_turns(written, 60, seed=5)
    assert len(turns) == 60
    most = {c.name: c.max_tokens for c in loaded.brief.capabilities}
    inside = [t for t in turns if t.truth is not None and t.truth.capability is not None]
    assert all(t.truth is not None and t.max_tokens == most[str(t.truth.capability)] for t in inside)


def test_a_brief_without_such_a_script_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing writes unseen traffic"):
        write_unseen(ROOT / "examples" / "tickets", tmp_path / "unseen.jsonl", 60, seed=5)
