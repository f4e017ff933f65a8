"""Prompts become named groups with shares, exemplars and items; the same prompts give the same ones."""

from __future__ import annotations

import re

import pytest

from evaluator.map.discovering.choosing import Candidate, chosen
from evaluator.map.discovering.discovery import Discovery, discover
from evaluator.map.discovering.exchanges import Exchange
from evaluator.map.discovering.gathering import Asked
from evaluator.map.discovering.naming import names_of
from evaluator.map.discovering.wording import tokens
from telemetry.errors import UsageError

THINGS = ("rope", "tent", "stove", "lamp", "axe", "mat", "pot", "bag", "sling", "screw", "knife", "cup")
SUMS = [f"What is {a} plus {b}?" for a in range(8) for b in range(8)]
REPLIES = [
    f"Where is the {what} for the {t} I sent back?"
    for t in THINGS
    for what in ("refund", "invoice", "parcel")
]
GERMAN = [
    f"\u00dcbersetze diesen Satz ins Englische: Der {t} ist gr\u00fcn." for t in THINGS for _ in "x"
] + [f"\u00dcbersetze diesen Satz ins Englische: Ich kaufe {n} {t}s." for n in range(2, 4) for t in THINGS]
CHINESE = [
    f"\u8bf7\u628a\u8fd9\u53e5\u8bdd\u7ffb\u8bd1\u6210\u82f1\u6587\uff1a\u6211\u6709{n}\u4e2a\u82f9\u679c"
    for n in range(40)
]


def asked(*prompts: str, subject: str | None = None, alone: bool = True) -> list[Asked]:
    return [Asked(Exchange(p, "An answer.", subject, alone=alone), touched=False) for p in prompts]


def found(*groups: list[Asked]) -> Discovery:
    return discover([one for group in groups for one in group])


def test_tasks_are_told_apart_and_shares_are_theirs() -> None:
    result = found(asked(*SUMS), asked(*REPLIES))
    shares = {one.exemplars[0].text.split()[0]: one.share for one in result.capabilities}
    assert shares["What"] == pytest.approx(0.64, abs=0.01)
    assert sum(one.share for one in result.capabilities) == pytest.approx(1.0)
    assert (
        next(one for one in result.capabilities if one.exemplars[0].text in SUMS).check.verifier == "number"
    )
    assert result.capabilities == found(asked(*SUMS), asked(*REPLIES)).capabilities


def test_names_are_ids_that_differ_and_come_from_the_words() -> None:
    result = found(asked(*SUMS), asked(*REPLIES), asked(*GERMAN), asked(*CHINESE))
    names = [one.name for one in result.capabilities]
    assert len(set(names)) == len(names) >= 4
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names)
    assert any("plus" in name for name in names)
    assert any("ubersetze" in name or "englische" in name for name in names)


def test_other_languages_are_groups_of_their_own() -> None:
    result = found(asked(*SUMS), asked(*REPLIES), asked(*GERMAN), asked(*CHINESE))
    for one in result.capabilities:
        assert (
            sum(any(p.text in group for p in one.prompts) for group in (SUMS, REPLIES, GERMAN, CHINESE)) == 1
        )


def test_one_subject_that_sends_half_of_the_traffic_makes_no_half_of_the_map() -> None:
    heavy = asked(
        *(f"Translate into French: {t} number {n}" for t in THINGS for n in range(9)), subject="heavy"
    )
    others = [asked(p, subject=f"s{n}") for n, p in enumerate([*SUMS, *REPLIES])]
    result = found(heavy, *others)
    french = sum(one.share for one in result.capabilities if one.exemplars[0].text.startswith("Translate"))
    assert len(heavy) >= 100
    assert result.heaviest == pytest.approx(0.52, abs=0.02)
    assert french < 0.06


def test_a_subjects_repeats_count_once_and_those_of_nobody_each() -> None:
    again = found(asked(*SUMS), asked(*REPLIES), asked(*[REPLIES[0]] * 300, subject="one"))
    assert next(c.share for c in again.capabilities if REPLIES[1] in {p.text for p in c.prompts}) < 0.4
    crowd = found(asked(*SUMS), asked(*REPLIES), asked(*[REPLIES[0]] * 300))
    assert next(c.share for c in crowd.capabilities if REPLIES[0] in {p.text for p in c.prompts}) > 0.5


def test_exemplars_are_no_items_and_follow_ups_are_no_items_either() -> None:
    result = found(
        asked(*SUMS), asked(*REPLIES), asked(*(f"and {n} more, please?" for n in range(40)), alone=False)
    )
    for one in result.capabilities:
        taught = {p.text for p in one.exemplars}
        assert not taught & {p.text for p in one.items}
        assert all(p.first.exchange.alone for p in one.items)
    # What holds follow-ups alone can be no capability, which is said rather than hidden.
    assert result.left_out > 0.2


def test_too_few_prompts_are_a_usage_error() -> None:
    with pytest.raises(UsageError, match="3 different prompts came, at least 20"):
        found(asked("a", "b", "c", "c"))


def test_prompts_that_have_nothing_in_common_still_make_a_brief() -> None:
    result = found(asked(*(f"{t}{n}" for t in THINGS for n in "ab")))
    assert result.capabilities


def test_near_duplicates_are_not_both_taken_where_others_are_left() -> None:
    texts = [f"the red cat sat on the green mat number {n}" for n in range(20)]
    texts += [f"{t} is what I want" for t in THINGS]
    listed = [Candidate(n, text, True, (False, float(n))) for n, text in enumerate(texts)]
    choice = chosen(listed, exemplars=10, items=5)
    assert choice is not None
    assert sum(n < 20 for n in choice.exemplars) == 1


def test_a_group_without_words_in_ascii_is_called_by_its_number() -> None:
    assert names_of(CHINESE, [1.0] * 40, [0] * 40) == ["group_1"]


def test_names_do_not_come_from_what_redaction_left() -> None:
    prompts = [f"[email] [secret] wants {t}" for t in THINGS]
    assert names_of([*prompts, *REPLIES], [1.0] * 48, [0] * 12 + [1] * 36)[0] == "wants"


def test_numbers_and_long_middles_are_no_wording() -> None:
    assert tokens("12 apples") == tokens("7  apples")
    assert "middle" not in tokens(f"{'a ' * 300}middle{' b' * 300}")
