"""A log that is read from its start gives every interaction once, with its shadow's answer where there is one."""

from __future__ import annotations

from telemetry.events import InteractionRecorded, RolloutChanged, ShadowAnswered
from telemetry.forwarding.interactions import to_interaction
from telemetry.forwarding.shadow_answers import to_shadow_answer
from telemetry.joining import joined
from tests.telemetry.samples import raw, raw_shadow, rollout

DRAWN = {"capability": None, "fraction": 1.0, "drawn": True}


def interaction(name: str, **changes: object) -> InteractionRecorded:
    return to_interaction(raw(event_id=name, **changes), "full")


def shadow(name: str) -> ShadowAnswered:
    return to_shadow_answer(raw_shadow(name), "full")


def told(events: list[InteractionRecorded | ShadowAnswered | RolloutChanged], most: int = 9) -> list[str]:
    """Each interaction's id, with a mark where it has a shadow."""
    return [i.event_id + "+" * (i.shadow is not None) for i in joined(events, most)]


def test_a_pair_stands_where_the_answer_does_and_the_others_where_they_are() -> None:
    drawn, missed = interaction("drawn", draw=DRAWN), interaction("missed", draw=DRAWN | {"drawn": False})
    events = [drawn, rollout(), interaction("plain"), missed, shadow("drawn"), interaction("last")]
    assert told(events) == ["plain", "missed", "drawn+", "last"]


def test_what_was_drawn_in_vain_comes_at_the_end_or_where_too_many_wait() -> None:
    events = [interaction(name, draw=DRAWN) for name in "abc"]
    assert told([*events, interaction("plain")]) == ["plain", "a", "b", "c"]
    assert told([*events, interaction("plain")], most=2) == ["a", "plain", "b", "c"]


def test_an_answer_to_nothing_is_passed_over() -> None:
    assert told([shadow("nobody"), interaction("plain")]) == ["plain"]
