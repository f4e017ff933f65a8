"""The replay client's plan: seeded, by the brief's shares, with subjects that come back."""

import itertools
from collections import Counter

import pytest

from belay.launcher.traffic import plan_traffic
from evaluator.briefs.brief import LoadedBrief, load_brief
from tests.places import BRIEF


@pytest.fixture(scope="module")
def loaded() -> LoadedBrief:
    return load_brief(BRIEF)


def test_the_same_seed_gives_the_same_traffic(loaded: LoadedBrief) -> None:
    assert plan_traffic(loaded, 300, seed=3) == plan_traffic(loaded, 300, seed=3)
    assert plan_traffic(loaded, 300, seed=3) != plan_traffic(loaded, 300, seed=4)


def test_capabilities_come_by_their_share_of_traffic(loaded: LoadedBrief) -> None:
    count = 6000
    seen = Counter(turn.capability for turn in plan_traffic(loaded, count, seed=11))
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
