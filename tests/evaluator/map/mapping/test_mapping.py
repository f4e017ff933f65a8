"""Traffic is counted once a query, by subject; what cannot be tagged is told with its reason."""

from __future__ import annotations

import json

import pytest

from evaluator.judge.tagging.tagger import Tag
from evaluator.map.mapping import mapping
from evaluator.map.mapping.confusion import Confusion
from evaluator.map.mapping.mapping import Traffic, group_of, measure, shown
from telemetry.events import Assignment, Message
from tests.evaluator.support.briefs import brief, capability
from tests.evaluator.support.interactions import interaction

LOADED = brief(capability("support", role="target"), capability("sums"))
SURE = Confusion(names=("support", "sums"), counts=((40, 0, 0), (0, 40, 0)), folds=5)


def count(
    traffic: Traffic, number: int, capability: str | None, subject: str = "", **changes: object
) -> None:
    """The `number`-th query, of a subject of its own unless told whose."""
    who = Assignment(
        subject=subject or f"s{number}",
        subject_source="session",
        arm="control",
        share=0.0,
        stage=0,
        revision=0,
    )
    one = interaction(number, **{"assignment": who} | changes)
    if traffic.usable(one):
        traffic.add(one, Tag(capability, 0.9))


def counted(support: int, sums: int, untagged: int = 0) -> Traffic:
    traffic = Traffic(["support", "sums"])
    tags = ["support"] * support + ["sums"] * sums + [None] * untagged
    for number, tag in enumerate(tags):
        count(traffic, number, tag)
    return traffic


def test_shares_are_of_the_tagged_queries_and_the_untagged_are_told_apart() -> None:
    found = measure(LOADED, counted(60, 20, 20), "t@1", SURE)
    assert (found.queries, found.subjects) == (100, 100)
    assert [c.tagged for c in found.capabilities] == [60, 20]
    assert [c.measured.share for c in found.capabilities] == [0.75, 0.25]
    assert found.untagged.share == 0.2
    assert found.elsewhere is not None
    assert found.elsewhere.share == pytest.approx(0.2)
    # The brief says half and half: 25 points off, and outside both intervals.
    assert [round(c.off, 2) for c in found.capabilities] == [0.25, -0.25]
    assert all(c.contradicted for c in found.capabilities)


def test_a_share_that_the_traffic_does_not_contradict_is_not_marked() -> None:
    assert not any(c.contradicted for c in measure(LOADED, counted(52, 48), "t@1", SURE).capabilities)


def test_a_talkative_subject_widens_the_interval() -> None:
    one = Traffic(["support", "sums"])
    for number in range(100):
        count(one, number, "support" if number < 60 else "sums", subject="same" if number < 30 else "")
    many = measure(LOADED, counted(60, 40), "t@1", None)
    assert measure(LOADED, one, "t@1", None).widest > 1.2 * many.widest


def test_a_subject_without_identity_never_comes_back() -> None:
    traffic = Traffic(["support", "sums"])
    nobody = Assignment(
        subject="same", subject_source="request", arm="control", share=0.0, stage=0, revision=0
    )
    for number in range(5):
        count(traffic, number, "sums", assignment=nobody)
    assert traffic.subjects == 5


def test_what_cannot_be_tagged_is_counted_with_its_reason_and_nothing_twice() -> None:
    traffic = Traffic(["support", "sums"])
    count(traffic, 1, "sums")
    count(traffic, 1, "sums")
    count(traffic, 2, "sums", text_policy="hashed")
    count(traffic, 3, "sums", messages=(Message(role="system", content="x"),))
    count(traffic, 4, "sums", prompt="  ")
    assert traffic.queries == 1
    assert traffic.unusable == {"read twice": 1, "hashed text": 1, "no prompt": 2}


def test_without_tagged_traffic_nothing_is_claimed() -> None:
    for traffic in (Traffic(["support", "sums"]), counted(0, 0, 7)):
        found = measure(LOADED, traffic, "t@1", SURE)
        assert found.elsewhere is None
        assert all((c.best.low, c.best.high) == (0.0, 1.0) for c in found.capabilities)
        assert not any(c.contradicted for c in found.capabilities)


def test_frequent_untagged_prompts_are_grouped_by_their_first_words_and_shown_redacted() -> None:
    traffic = Traffic(["support", "sums"])
    for number in range(5):
        count(traffic, number, None, prompt=f"Translate page {number} of the manual into German, {number}")
    count(traffic, 9, None, prompt="Write to ana@example.com\nplease " + "x" * 400)
    first, second = measure(LOADED, traffic, "t@1", None, examples=2).groups
    assert (first.count, second.count) == (5, 1)
    assert first.example.startswith("Translate page 0 of the manual")
    assert "ana@" not in second.example
    assert "\n" not in second.example
    assert len(second.example) < 200
    assert measure(LOADED, traffic, "t@1", None, examples=0).groups == ()


def test_the_groups_kept_are_bounded_and_the_frequent_ones_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapping, "MOST_GROUPS", 40)
    traffic = Traffic(["support", "sums"])
    for number in range(3):
        count(traffic, number, None, prompt="the frequent one")
    for number in range(100):
        count(traffic, 10 + number, None, prompt=f"rare {chr(200 + number)}")
    found = traffic.groups(1000)
    assert 20 <= len(found) <= 40
    assert found[0].count == 3


def test_a_group_ignores_case_numbers_and_space() -> None:
    assert group_of("What is  12 + 7?") == group_of("what is 3 + 2024?")
    assert shown("a\n b") == "a b"


def test_the_measurement_as_json_says_how_far_the_brief_is_off() -> None:
    found = json.loads(measure(LOADED, counted(60, 40), "t@1", SURE).model_dump_json())
    assert found["capabilities"][0]["best"]["share"] == pytest.approx(0.6)
    assert found["capabilities"][0]["off"] == pytest.approx(0.1)
    assert found["capabilities"][0]["contradicted"] is False
    assert found["confusion"]["folds"] == 5
