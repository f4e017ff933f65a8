"""Both arms of a pair draw with one seed, and nobody else's request is touched."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.proxy.shadowing.coupling import seed_of, with_seed
from telemetry.events import InteractionRecorded
from telemetry.forwarding.interactions import to_interaction
from tests.router.proxy.fakes import BODY, CHAT, Asked, FakeEngine, Router, reply, rolling, says, until

MEMBERS = st.dictionaries(
    st.text(max_size=6) | st.sampled_from(["model", "seed", "n"]),
    st.none() | st.integers() | st.text(max_size=4) | st.lists(st.booleans(), max_size=2),
    max_size=4,
)


@given(MEMBERS, st.sampled_from([None, 1]), st.sampled_from(["", " ", "\n\t"]), st.booleans())
def test_a_body_keeps_all_it_says_and_has_a_seed_unless_it_had_one(members, indent, before, escaped):
    body = (before + json.dumps(members, indent=indent, ensure_ascii=escaped)).encode()
    seeded = with_seed(body, 7)
    if members and b"seed" not in body and b"\\u" not in body:
        assert seeded is not None
    if seeded is not None:
        assert "seed" not in members
        assert json.loads(seeded) == members | {"seed": 7}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[1]",
        b'{"seed": null}',
        b'{"model": "m", "seed": 3}',
        b'{"a": {"seed": 1}}',
        b'{"\\u0073eed": 3}',
        b'\xef\xbb\xbf{"a": 1}',
        '{"a": 1}'.encode("utf-16"),
        b"{'a': 1}",
    ],
)
def test_what_may_have_a_seed_or_is_no_plain_object_is_left_alone(body):
    assert with_seed(body, 7) is None


def test_seeds_fit_31_bits_and_differ():
    seeds = {seed_of(f"interaction-{n}") for n in range(2_000)}
    assert len(seeds) > 1_990
    assert max(seeds) < 1 << 31
    assert min(seeds) >= 0
    # Half of them in the upper half: the lot that chose them says nothing of them.
    assert 900 < sum(seed >= 1 << 30 for seed in seeds) < 1_100


def seeds_of(engine: FakeEngine) -> list[Any]:
    return [asked.json().get("seed") for asked in engine.asked]


async def recorded(router: Router, count: int = 1) -> list[InteractionRecorded]:
    await until(lambda: len(router.records()) >= count)
    return [
        found for r in router.records() if isinstance(found := to_interaction(r, "full"), InteractionRecorded)
    ]


async def test_both_arms_of_a_pair_have_one_seed_and_the_record_says_it(tmp_path: Path) -> None:
    async with rolling(tmp_path, says("b"), says("a"), share=0.5, shadow=1.0, couple_pairs=True) as (
        router,
        base,
        candidate,
        http,
    ):
        for _ in range(3):
            await http.post(CHAT, json=BODY)
        await until(lambda: len(base.asked) == len(candidate.asked) == 3)
        seeds = seeds_of(base)
        assert None not in seeds
        assert len(set(seeds)) == 3
        assert sorted(seeds_of(candidate)) == sorted(seeds)
        drawn = [one.draw for one in await recorded(router, 3)]
        assert sorted(draw.seed for draw in drawn if draw is not None and draw.seed is not None) == sorted(
            seeds
        )
        assert b'"seed"' not in b"".join(r.request_body for r in router.records())


async def test_a_clients_own_seed_stays(
    tmp_path: Path,
) -> None:
    async with rolling(tmp_path, says("b"), says("a"), share=0.0, shadow=1.0, couple_pairs=True) as (
        router,
        base,
        candidate,
        http,
    ):
        await http.post(CHAT, json=BODY | {"seed": 5})
        await until(lambda: len(candidate.asked) == 1)
        assert seeds_of(base) == seeds_of(candidate) == [5]
        draw = (await recorded(router))[0].draw
        assert draw is not None
        assert draw.seed is None


async def test_a_request_without_a_chance_of_a_shadow_goes_out_as_it_came(tmp_path: Path) -> None:
    async with rolling(tmp_path, says("b"), says("a"), share=0.0, couple_pairs=True) as (_, base, _, http):
        await http.post(CHAT, json=BODY)
        assert base.asked[0].json() == BODY


async def test_no_seed_where_the_settings_say_so(tmp_path: Path) -> None:
    async with rolling(tmp_path, says("b"), share=0.0, shadow=1.0) as (
        _,
        base,
        other,
        http,
    ):
        await http.post(CHAT, json=BODY)
        await until(lambda: len(other.asked) == 1)
        assert seeds_of(base) == seeds_of(other) == [None]


async def refuses_seeds(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """An engine that takes no field that it does not know."""
    if "seed" in asked.json():
        writer.write(reply(400, b'{"error":{"message":"unknown field seed"}}'))
    else:
        await says("b")(asked, writer)


async def test_an_arm_that_refuses_seeds_is_asked_without_and_no_pair_is_coupled_any_more(
    tmp_path: Path,
) -> None:
    async with rolling(tmp_path, says("b"), refuses_seeds, share=0.0, shadow=1.0, couple_pairs=True) as (
        router,
        base,
        other,
        http,
    ):
        answers = [await http.post(CHAT, json=BODY) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200] * 3
        assert [seed is None for seed in seeds_of(base)] == [False, True, True, True]
        await until(lambda: len(other.asked) == 3)
        assert seeds_of(other)[1:] == [None, None]
        draws = [one.draw for one in await recorded(router, 3)]
        assert [draw.seed for draw in draws[1:] if draw is not None] == [None, None]
