"""The rules of assignment: sticky, nested, fair, independent between salts, silent about identities."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.proxy import assign
from telemetry.subjects import unit_of

identities = st.text(min_size=1, max_size=60)
salts = st.text(min_size=1, max_size=80)
shares = st.floats(0.0, 1.0)
PINNED = "32317e72d7ae7f1da1b3cc6623fefb14"


@given(salts, identities, shares, shares)
def test_a_subject_that_met_the_candidate_keeps_it_while_the_share_grows(
    salt: str, identity: str, a: float, b: float
) -> None:
    u = assign.unit_interval(salt, identity)
    small, large = sorted((a, b))
    if assign.arm_of(u, small) == "candidate":
        assert assign.arm_of(u, large) == "candidate"


@given(salts, identities)
def test_share_0_gives_nobody_the_candidate_and_share_1_everybody(salt: str, identity: str) -> None:
    u = assign.unit_interval(salt, identity)
    assert 0.0 <= u < 1.0
    assert assign.arm_of(u, 0.0) == "control"
    assert assign.arm_of(u, 1.0) == "candidate"


def test_a_key_is_known_again_within_a_rollout_and_is_no_subject_of_the_same_words() -> None:
    assert assign.key_digest("salt", "shop") == assign.key_digest("salt", "shop")
    told = {assign.key_digest(salt, name) for salt in ("salt", "other") for name in ("shop", "desk")}
    assert len(told) == 4
    assert not assign.digest("salt", "shop").startswith(assign.key_digest("salt", "shop"))


def test_the_largest_digest_still_lies_below_1() -> None:
    assert unit_of("f" * 32) < 1.0


@given(salts, st.sampled_from((0.01, 0.05, 0.25, 0.5, 0.98)))
@settings(max_examples=8, deadline=None)
def test_the_fraction_of_subjects_is_the_share(salt: str, share: float) -> None:
    n = 2000
    hits = sum(assign.arm_of(assign.unit_interval(salt, f"s{i}"), share) == "candidate" for i in range(n))
    assert abs(hits / n - share) < 6 * math.sqrt(share * (1 - share) / n)


@given(salts, salts)
@settings(max_examples=8, deadline=None)
def test_two_salts_assign_independently(a: str, b: str) -> None:
    if a == b:
        return
    n = 2000
    both = sum(
        assign.unit_interval(a, f"s{i}") < 0.5 and assign.unit_interval(b, f"s{i}") < 0.5 for i in range(n)
    )
    assert abs(both / n - 0.25) < 6 * math.sqrt(0.25 * 0.75 / n)


@given(salts, st.text(st.characters(codec="utf-8"), min_size=8, max_size=60))
def test_the_identity_is_never_in_its_digest(salt: str, identity: str) -> None:
    subject = assign.digest(salt, identity)
    assert identity not in subject
    assert len(subject) == 32
    assert set(subject) <= set("0123456789abcdef")


@given(salts, identities)
def test_a_recorded_subject_proves_its_own_assignment(salt: str, identity: str) -> None:
    assert unit_of(assign.digest(salt, identity)) == assign.unit_interval(salt, identity)


def test_digest_and_unit_are_the_same_on_every_machine() -> None:
    """Pinned: routers of different versions must agree on who has the candidate."""
    assert assign.digest("salt", "alice") == PINNED
    assert assign.unit_interval("salt", "alice") == pytest.approx(int(PINNED[:16], 16) / 2**64)


@pytest.mark.parametrize(
    ("headers", "user", "expected"),
    [
        (
            {b"x-session-id": b"s", b"x-end-user-id": b"e", b"authorization": b"Bearer k"},
            "u",
            ("s", "session"),
        ),
        ({b"x-end-user-id": b"e", b"authorization": b"Bearer k"}, "u", ("e", "end_user")),
        ({b"authorization": b"Bearer k"}, "u", ("u", "user")),
        ({b"authorization": b"bearer  k "}, None, ("k", "api_key")),
        ({b"authorization": b"Basic abc", b"x-api-key": b"k"}, None, ("k", "api_key")),
        ({b"api-key": b"k"}, "", ("k", "api_key")),
        ({b"x-session-id": b"", b"authorization": b"Bearer k"}, "", ("k", "api_key")),
        ({b"authorization": b"Basic abc"}, None, None),
        ({}, None, None),
    ],
)
def test_the_subject_is_session_then_end_user_then_user_then_api_key(
    headers: dict[bytes, bytes], user: str | None, expected: tuple[str, str] | None
) -> None:
    assert assign.subject_of(headers, user) == expected


def test_header_names_can_be_chosen() -> None:
    headers = {b"x-chat": b"c", b"x-session-id": b"s"}
    assert assign.subject_of(headers, None, session_header=b"x-chat") == ("c", "session")


def test_the_shadowed_fraction_is_the_fraction_and_independent_of_the_arm() -> None:
    n = 6000
    ids = [f"event-{i}" for i in range(n)]
    chosen = [i for i in ids if assign.shadow_lot("salt", i) < 0.2]
    assert abs(len(chosen) / n - 0.2) < 6 * math.sqrt(0.2 * 0.8 / n)
    in_candidate = sum(assign.unit_interval("salt", i) < 0.5 for i in chosen) / len(chosen)
    assert abs(in_candidate - 0.5) < 6 * math.sqrt(0.25 / len(chosen))


def test_a_larger_fraction_keeps_whom_a_smaller_one_chose() -> None:
    lots = [assign.shadow_lot("salt", f"{i}") for i in range(500)]
    assert {i for i, lot in enumerate(lots) if lot < 0.1} < {i for i, lot in enumerate(lots) if lot < 0.3}
    assert all(0.0 <= lot < 1.0 for lot in lots)
