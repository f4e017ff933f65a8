"""Mistakes in words: the near word, all words where none is near, and which keys a place has."""

from __future__ import annotations

from pydantic import BaseModel

from telemetry.mistakes import did_you_mean, keys_at, near_or_known


class Inner(BaseModel):
    size: int = 1


class Outer(BaseModel):
    one: Inner | None = None
    many: tuple[Inner, ...] = ()
    free: dict[str, int] = {}


def test_the_nearest_word_is_suggested_and_none_where_none_is_near() -> None:
    assert did_you_mean("treshold", ["share", "threshold"]) == "; did you mean 'threshold'?"
    assert did_you_mean("zzz", ["share", "threshold"]) == ""


def test_no_more_than_the_most_near_words_are_suggested() -> None:
    known = ["arc_easy", "arc_eas", "arc_ease", "arc_ea"]
    assert did_you_mean("arc_easy_", known, most=2).count("'arc_") == 2
    assert " or " in did_you_mean("arc_easy_", known, most=2)


def test_where_no_word_is_near_all_are_named() -> None:
    assert near_or_known("zzz", ["share", "chance"]) == "; known are share, chance"
    assert near_or_known("zzz", []) == "; known are none"


def test_the_keys_of_a_place_are_found_inside_options_and_lists_and_nowhere_else() -> None:
    assert keys_at(Outer, ()) == ["one", "many", "free"]
    assert keys_at(Outer, ("one",)) == keys_at(Outer, ("many", 0)) == ["size"]
    assert keys_at(Outer, ("free",)) == keys_at(Outer, ("one", "other")) == []
