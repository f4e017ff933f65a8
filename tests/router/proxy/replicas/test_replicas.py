"""An arm with several replicas: who answers, what a broken one costs, and what the record says of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.proxy.assign import digest
from router.proxy.metrics import Metrics
from router.proxy.replicas.health import WELL, ReplicaSettings
from router.proxy.replicas.replicas import Replicas
from router.proxy.wire.asking import Reason, UpstreamFailed
from router.proxy.wire.exchange import Exchange
from router.proxy.workers.sums import counts_of, summed
from telemetry.events import Arm
from telemetry.forwarding.interactions import to_interaction
from telemetry.rollout_file import write_rollout
from tests.router.proxy.fakes import (
    BASE_TEXT,
    BODY,
    CHAT,
    SSE_HEAD,
    STREAM,
    Behaviour,
    FakeEngine,
    Router,
    answers,
    chunk,
    event,
    never,
    reply,
    running,
    says,
    streams_for_ever,
    text_of,
    until,
)
from tests.router.values import with_share

BROKEN = answers(reply(500, b'{"error": {}}', "content-type: application/json"))
HALF_A_STREAM = answers(SSE_HEAD + chunk(event("x")), then_die=True)


class Setup:
    """A router amid a rollout, one arm of which has several replicas and all traffic."""

    def __init__(self, router: Router, engines: list[FakeEngine], other: FakeEngine, arm: Arm) -> None:
        self.router, self.engines, self.other, self.arm = router, engines, other, arm
        self.http = httpx.AsyncClient(base_url=router.url, timeout=10)

    @property
    def replicas(self) -> Replicas:
        return self.router.route.engines.replicas[self.arm]

    def subject_of(self, index: int) -> str:
        """A session whose replica this one is, while all are well and idle."""
        salt = self.router.route.rollout.current.salt
        url = self.engines[index].url
        return next(
            name
            for name in (f"s-{number}" for number in range(1000))
            if self.replicas.first(digest(salt, name), sticky=True).replica.upstream.url == url
        )

    async def ask(self, session: str | None = None, body: dict[str, Any] = BODY) -> httpx.Response:
        headers = {"x-session-id": session} if session is not None else {}
        return await self.http.post(CHAT, json=body, headers=headers)

    async def told(self) -> dict[str, Any]:
        return dict((await self.router.own.get("/belay/status")).json())


@contextlib.asynccontextmanager
async def spread(
    folder: Path, *behave: Behaviour, arm: Arm = "candidate", shadow: float = 0.0, **changes: Any
) -> AsyncIterator[Setup]:
    write_rollout(folder / "rollout.json", with_share(float(arm == "candidate"), shadow=shadow))
    async with contextlib.AsyncExitStack() as stack:
        engines = [await stack.enter_async_context(FakeEngine(one)) for one in behave]
        other = await stack.enter_async_context(FakeEngine(says(BASE_TEXT)))
        control, candidate = other.url, [engine.url for engine in engines]
        places = (control, candidate) if arm == "candidate" else (candidate, control)
        router = await stack.enter_async_context(running(folder, *places, **changes))
        setup = Setup(router, engines, other, arm)
        async with setup.http:
            yield setup


class Ended:
    """A request that has ended, as a replica is told of it."""

    def __init__(self, reason: Reason | None) -> None:
        self.status = 0 if reason is not None else 200
        self.failure = UpstreamFailed("it failed", reason) if reason is not None else None


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.sampled_from([None, "refused", "died", "timeout"]),
            st.sampled_from("abc"),
            st.floats(0.0, 20.0),
        ),
        max_size=80,
    )
)
def test_whatever_fails_somebody_can_be_asked_and_a_second_one_is_never_the_first(
    steps: list[tuple[int, Reason | None, str, float]],
) -> None:
    at = [0.0]
    urls = tuple(f"http://r{number}:80" for number in range(3))
    replicas = Replicas("candidate", urls, ReplicaSettings(), 1.0, clock=lambda: at[0])
    for index, reason, subject, wait in steps:
        at[0] += wait
        replica = replicas.each[index]
        replica.load += 1
        replicas.ended(replica, subject, cast("Exchange", Ended(reason)))
        assert sum(told["ejected"] for told in replicas.told().values()) < 3
        first = replicas.first("ab" * 16, sticky=True)
        assert not replicas.told()[first.replica.name]["ejected"]
        second = replicas.second(first)
        assert second is None or second.replica is not first.replica


@pytest.mark.parametrize("arm", ["control", "candidate"])
async def test_a_subject_keeps_its_replica_and_subjects_are_spread(tmp_path: Path, arm: Arm) -> None:
    async with spread(tmp_path, says("0"), says("1"), says("2"), arm=arm) as setup:
        told = {}
        for number in range(12):
            told[number] = text_of(await setup.ask(f"s-{number}"))
        for number in range(12):
            assert text_of(await setup.ask(f"s-{number}")) == told[number]
        assert set(told.values()) == {"0", "1", "2"}
        assert setup.other.asked == []


async def test_who_is_nobodys_goes_where_there_is_least_to_do(tmp_path: Path) -> None:
    async with spread(tmp_path, never, never, never) as setup:
        asking = [asyncio.create_task(setup.ask()) for _ in range(6)]
        await until(lambda: sum(len(engine.asked) for engine in setup.engines) == 6)
        assert [len(engine.asked) for engine in setup.engines] == [2, 2, 2]
        assert [replica.load for replica in setup.replicas.each] == [2, 2, 2]
        for task in asking:
            task.cancel()
        await until(lambda: not any(replica.load for replica in setup.replicas.each))


@pytest.mark.parametrize("arm", ["control", "candidate"])
@pytest.mark.parametrize("body", [BODY, STREAM], ids=["whole", "stream"])
@pytest.mark.parametrize("fault", ["refused", "died", "status_500"])
async def test_a_replica_that_fails_before_its_first_byte_costs_no_answer_and_the_record_says_so(
    tmp_path: Path, arm: Arm, body: dict[str, Any], fault: str
) -> None:
    behave = {"refused": never, "died": answers(b"", then_die=True), "status_500": BROKEN}[fault]
    async with spread(tmp_path, behave, says("well"), arm=arm) as setup:
        session = setup.subject_of(0)
        if fault == "refused":
            await setup.engines[0].stop()
        answer = await setup.ask(session, body)
        assert (answer.status_code, answer.headers["x-belay-arm"]) == (200, arm)
        (record,) = setup.router.records()
        found = to_interaction(record, "full")
        assert (found.answer.text, found.answer.retried, found.answer.error) == ("well", fault, None)
        assert (found.answer.served_by, found.fallback) == (arm, None)
        told = await setup.told()
        assert (told["replica_retries"], told["replica_retries_refused"]) == ({arm: 1}, {arm: 0})
        assert [(one.load, one.asked, one.failed) for one in setup.replicas.each] == [(0, 1, 1), (0, 1, 0)]
        assert setup.other.asked == []


async def test_one_that_keeps_failing_is_ejected_and_status_and_metrics_show_it(tmp_path: Path) -> None:
    async with spread(tmp_path, BROKEN, says("well"), replicas={"subjects": 1, "eject_s": 60.0}) as setup:
        session = setup.subject_of(0)
        for _ in range(5):
            assert text_of(await setup.ask(session)) == "well"
        assert len(setup.engines[0].asked) == 3
        first, second = (engine.url.removeprefix("http://") for engine in setup.engines)
        assert (await setup.told())["replicas"] == {
            "candidate": {
                first: {"in_flight": 0, "ejected": 1, "asked": 3, "failed": 3, "ejections": 1},
                second: {"in_flight": 0, "ejected": 0, "asked": 5, "failed": 0, "ejections": 0},
            }
        }
        metrics = (await setup.router.own.get("/metrics")).text
        for name, value in (
            ("belay_replica_ejected", 1), ("belay_replica_in_flight", 0), ("belay_replica_failed_total", 3),
            ("belay_replica_asked_total", 3), ("belay_replica_ejections_total", 1),
        ):  # fmt: skip
            assert f'{name}{{arm="candidate",replica="{first}",route="default"}} {value}.0' in metrics
        assert 'belay_replica_retries_total{arm="candidate",route="default"} 3.0' in metrics


async def test_a_5xx_whose_end_is_not_waited_for_counts_against_the_replica(tmp_path: Path) -> None:
    half = answers(b"HTTP/1.1 500 X\r\ncontent-length: 50\r\n\r\nhalf")
    async with spread(tmp_path, half, says("well")) as setup:
        assert text_of(await setup.ask(setup.subject_of(0))) == "well"
        assert [replica.failed for replica in setup.replicas.each] == [1, 0]


async def test_where_all_are_broken_base_answers_and_the_arm_has_failed(tmp_path: Path) -> None:
    async with spread(tmp_path, BROKEN, BROKEN, BROKEN, replicas={"subjects": 1}) as setup:
        answer = await setup.ask("s-1")
        assert text_of(answer) == BASE_TEXT
        assert sum(len(engine.asked) for engine in setup.engines) == 2
        (record,) = setup.router.records()
        assert (record.meta["fallback"], record.meta["answer"]["served_by"]) == ("status_500", "control")
        for number in range(4):  # the breaker sees the arm as a whole
            await setup.ask(f"s-{number}")
        assert (await setup.told())["breakers"] == {"candidate": "open"}


async def test_after_the_first_byte_no_other_is_asked(tmp_path: Path) -> None:
    async with spread(tmp_path, HALF_A_STREAM, HALF_A_STREAM) as setup:
        answer = await setup.ask("s-1", STREAM)
        assert b"error" in answer.content
        assert sum(len(engine.asked) for engine in setup.engines) == 1
        assert sum(replica.failed for replica in setup.replicas.each) == 1


@pytest.mark.parametrize("arm", ["control", "candidate"])
async def test_an_arm_that_took_long_to_fail_is_not_asked_again_whichever_it_is(
    tmp_path: Path, arm: Arm
) -> None:
    late = answers(reply(500, b"{}"), delay_s=0.15)
    async with spread(tmp_path, late, late, arm=arm, timeouts={"candidate_first_byte_s": 0.2}) as setup:
        await setup.ask("s-1")
        assert sum(len(engine.asked) for engine in setup.engines) == 1


async def test_who_has_waited_the_whole_time_does_not_wait_for_another(tmp_path: Path) -> None:
    timeouts = {"candidate_first_byte_s": 0.1}
    async with spread(tmp_path, never, never, timeouts=timeouts) as setup:
        assert text_of(await setup.ask("s-1")) == BASE_TEXT
        assert sum(len(engine.asked) for engine in setup.engines) == 1
        assert sum(replica.failed for replica in setup.replicas.each) == 1


async def test_without_a_budget_no_other_is_asked_and_it_is_counted(tmp_path: Path) -> None:
    async with spread(tmp_path, BROKEN, BROKEN) as setup:
        while setup.replicas.budget.take():
            pass
        assert text_of(await setup.ask("s-1")) == BASE_TEXT
        assert sum(len(engine.asked) for engine in setup.engines) == 1
        assert (await setup.told())["replica_retries_refused"] == {"candidate": 2}


async def test_a_client_that_leaves_speaks_against_no_replica_and_frees_it(tmp_path: Path) -> None:
    async with spread(tmp_path, streams_for_ever, streams_for_ever) as setup:
        async with setup.http.stream("POST", CHAT, json=STREAM) as answer:
            await anext(answer.aiter_bytes())
        await until(lambda: not any(replica.load for replica in setup.replicas.each))
        assert [replica.health for replica in setup.replicas.each] == [WELL, WELL]


async def test_a_shadow_is_asked_again_as_a_client_is(tmp_path: Path) -> None:
    # Base has the replicas, everybody the candidate: base's are asked for shadows alone.
    write_rollout(tmp_path / "rollout.json", with_share(1.0, shadow=1.0))
    async with (
        FakeEngine(BROKEN) as broken,
        FakeEngine(says("base")) as well,
        FakeEngine(says("new")) as new,
        running(tmp_path, [broken.url, well.url], new.url) as router,
        httpx.AsyncClient(base_url=router.url) as http,
    ):
        for number in range(8):
            await http.post(CHAT, json=BODY, headers={"x-session-id": f"s-{number}"})
        await until(lambda: len(router.shadows()) == 8)
        told = [shadow.meta["shadow"] for shadow in router.shadows()]
        assert {one["status"] for one in told} == {200}
        assert {one.get("retried") for one in told} == {None, "status_500"}


async def test_what_is_only_passed_on_is_asked_again_where_nobody_has_heard_it(tmp_path: Path) -> None:
    async with spread(tmp_path, BROKEN, BROKEN, arm="control") as setup:
        assert (await setup.http.post("/v1/embeddings", json=BODY)).status_code == 500
        assert sum(len(engine.asked) for engine in setup.engines) == 1
    folder = tmp_path / "2"
    folder.mkdir()
    async with spread(folder, says("x"), says("x"), arm="control") as setup:
        await setup.engines[0].stop()
        for _ in range(6):
            assert (await setup.http.post("/v1/embeddings", json=BODY)).status_code == 200
        assert len(setup.engines[1].asked) == 6


async def test_one_that_fails_its_checks_is_not_asked_until_it_passes_one(tmp_path: Path) -> None:
    checks = {"check_s": 0.02, "return_s": 0.01}
    async with spread(tmp_path, says("0"), says("1"), replicas=checks) as setup:
        session = setup.subject_of(0)
        assert text_of(await setup.ask(session)) == "0"
        port = setup.engines[0].port
        await setup.engines[0].stop()
        name = f"127.0.0.1:{port}"
        await until(lambda: setup.replicas.told()[name]["ejected"])
        assert text_of(await setup.ask(session)) == "1"
        assert (await setup.told())["replica_retries"] == {"candidate": 0}
        async with FakeEngine(says("back"), port=port) as back:
            await until(lambda: not setup.replicas.told()[name]["ejected"])
            await until(
                lambda: setup.replicas.each[0].health.until < asyncio.get_running_loop().time() - 0.01
            )
            assert text_of(await setup.ask(session)) == "back"
            assert {asked.target for asked in back.asked} == {"/health", CHAT}


async def test_of_a_replica_that_only_an_ended_worker_had_its_counts_are_told(tmp_path: Path) -> None:
    async with spread(tmp_path, says("0"), says("1")) as setup:
        now, before = setup.router.gateway.status(), setup.router.gateway.status()
        gone = {"in_flight": 3, "ejected": 1, "asked": 7, "failed": 2, "ejections": 1}
        before["routes"]["default"]["replicas"] = {"candidate": {"gone:80": gone}}
        told = summed([now], counts_of(before))
        metrics = Metrics(lambda: told).text()[1].decode()
        labels = '{arm="candidate",replica="gone:80",route="default"}'
        assert f"belay_replica_asked_total{labels} 7.0" in metrics
        assert f"belay_replica_in_flight{labels} 0.0" in metrics


async def test_an_arm_with_one_replica_is_asked_without_any_of_this(tmp_path: Path) -> None:
    async with spread(tmp_path, says("only")) as setup:
        assert text_of(await setup.ask("s-1")) == "only"
        assert setup.router.route.engines.replicas == {}
        assert (await setup.told())["replicas"] == {}
