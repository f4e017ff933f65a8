"""Which answers people are shown: by ids alone, without a word about the arm."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.judge.judges.sampling import sampled
from evaluator.judge.reviewing.cases import Drawing, ReviewCase, case_id, cases_of, in_order
from telemetry.errors import UsageError
from telemetry.events import InteractionRecorded, Message, ShadowDraw
from tests.evaluator.support.interactions import answer, interaction
from tests.evaluator.support.scores import score

ASKED = (Message(role="user", content="how much?"),)


def case(number: int, arm: str) -> ReviewCase:
    return ReviewCase(f"interaction-{number}", arm, "facts", 1.0, ASKED, "so much")  # type: ignore[arg-type]  # an arm


def shown(one: InteractionRecorded) -> list[tuple[str, str]] | str:
    found = cases_of(one, "facts", 1.0)
    return found if isinstance(found, str) else [(c.arm, c.answer) for c in found]


def test_both_answers_of_a_pair_are_cases_and_each_says_who_gave_it() -> None:
    one = interaction(3, arm="candidate", given=answer("mine", by="candidate"), shadow=answer("base's"))
    assert shown(one) == [("candidate", "mine"), ("control", "base's")]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"text_policy": "hashed"}, "hashed"),
        ({"given": answer("  ")}, "empty"),
        ({"given": answer("", error="no engine")}, "failed"),
        ({"given": answer("no", status=500)}, "failed"),
        ({"given": answer("no", finish_reason="content_filter")}, "failed"),
        ({"arm": "candidate", "given": answer("base's"), "fallback": "refused"}, "failed"),
        ({"given": answer("half of", finish_reason=None), "client_left": True}, "client_left"),
    ],
)
def test_what_a_rule_settles_or_what_cannot_be_read_is_passed_over_with_its_reason(
    changes: dict[str, object], why: str
) -> None:
    assert shown(interaction(1, shadow=answer("fine", by="candidate"), **changes)) == (
        why if why != "empty" else [("candidate", "fine")]
    )
    assert shown(interaction(1, **changes)) == why


def test_a_shadow_that_failed_leaves_the_other_answer() -> None:
    one = interaction(1, given=answer("mine"), shadow=answer("", by="candidate", error="no engine"))
    assert shown(one) == [("control", "mine")]


def test_calls_of_tools_are_an_answer() -> None:
    assert shown(interaction(1, given=answer("", tool_calls='[{"name": "find"}]'))) == [
        ("control", '[{"name": "find"}]')
    ]


@given(st.integers(0, 10**6), st.floats(0.001, 1.0), st.sampled_from(["good", "bad", ""]))
def test_whether_an_interaction_is_drawn_follows_from_its_id_whatever_was_answered(
    number: int, fraction: float, text: str
) -> None:
    found = cases_of(interaction(number, given=answer(text)), "facts", fraction)
    assert (found == []) == (not sampled(f"interaction-{number}", fraction))


@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from(["control", "candidate"])), unique=True))
def test_the_order_has_all_cases_is_always_the_same_and_keeps_pairs_apart(
    given_cases: list[tuple[int, str]],
) -> None:
    cases = [case(number, arm) for number, arm in given_cases]
    ordered = in_order(cases)
    assert ordered == in_order(reversed(cases))
    assert Counter(c.id for c in ordered) == Counter(c.id for c in cases)
    if len({c.interaction_id for c in cases}) > 1:
        assert [a for a, b in pairwise(ordered) if a.interaction_id == b.interaction_id] == []


def test_neither_place_nor_id_tells_the_arm() -> None:
    ordered = in_order(case(number, arm) for number in range(500) for arm in ("control", "candidate"))
    place = {(c.interaction_id, c.arm): at for at, c in enumerate(ordered)}
    first = sum(
        place[f"interaction-{n}", "control"] < place[f"interaction-{n}", "candidate"] for n in range(500)
    )
    # A fair coin thrown 500 times is outside 500/2 +- 4 * sqrt(500)/2 once in 15,000 times.
    assert abs(first - 250) < 45
    assert "interaction" not in ordered[0].id
    assert case_id("a", "control") != case_id("a", "candidate")


def test_about_so_many_of_each_capability_are_drawn_however_much_traffic_it_has() -> None:
    scores = [score(n, capability="facts" if n % 10 else "rare") for n in range(4000)]
    fractions = Drawing(each=100).fractions(scores)
    assert fractions == {"facts": 100 / 3600, "rare": 0.25}
    drawn = Counter(s.capability for s in scores if sampled(s.interaction_id, fractions[str(s.capability)]))
    assert all(60 < n < 140 for n in drawn.values()), drawn
    assert Drawing(each=1000).fractions(scores[:20])["facts"] == 1.0
    assert Drawing(0.3).fractions(scores) == {"facts": 0.3, "rare": 0.3}


def test_pairs_alone_are_those_that_the_router_drew_whatever_came_of_them() -> None:
    drawn = ShadowDraw(capability="facts", fraction=0.5, drawn=True)
    one = score(1).model_copy(update={"draw": drawn})
    other = score(2).model_copy(update={"draw": drawn.model_copy(update={"drawn": False})})
    assert [Drawing(pairs=True).takes(s) for s in (one, other, score(3), score(4, other=0.0))] == [
        True,
        False,
        False,
        True,
    ]
    assert Drawing(each=1, pairs=True).fractions([one, other, score(3)]) == {"facts": 1.0}


def test_a_fraction_or_a_number_that_shows_nothing_is_refused() -> None:
    for wrong in (0.0, -1.0, 1.5, float("nan")):
        with pytest.raises(UsageError, match="the fraction that is shown"):
            Drawing(wrong)
    with pytest.raises(UsageError, match="at least 1"):
        Drawing(each=0)


def test_nobody_is_shown_what_a_key_asked_that_is_no_evidence():
    asked = score(0, value=None)
    assert Drawing().takes(asked)
    assert not Drawing().takes(asked.model_copy(update={"unscored": "no_evidence"}))
