"""What is measured of them, in rounds: every server has its turn in each, and medians are compared."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from _shape import Figure, Result, say

from _router.load import Clock, chat, wrk
from _router.load import streams as ask_streams
from _router.served import Served

_EVENTS: Final = 100
_STREAMS: Final = 100
_TICK_MS: Final = 5
_LOST_TICK_MS: Final = 250
_CORES: Final = 4
"""Two for two workers, and as many for engines and load."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How long it all takes: rounds, seconds of each turn, requests and streams of the long runs."""

    rounds: int
    seconds: float
    requests: int
    open_streams: int
    hostile: int


QUICK: Final = Extent(rounds=3, seconds=2.0, requests=60_000, open_streams=1000, hostile=200)
FULL: Final = Extent(rounds=9, seconds=4.0, requests=1_000_000, open_streams=6000, hostile=10_000)


@dataclass(frozen=True, slots=True)
class Measured:
    """Medians over the rounds, by server: us of CPU a request and a streamed event, answers a second."""

    request_us: Mapping[str, float]
    chunk_us: Mapping[str, float]
    per_second: Mapping[str, float]


def cpu(servers: Mapping[str, Served], extent: Extent, folder: Path) -> Measured:
    """What a whole answer and an event of a stream cost, and how many answers there are in a second."""
    request_us, chunk_us, rates = (defaultdict[str, list[float]](list) for _ in range(3))
    streams = chat(stream=True, max_tokens=_EVENTS, tick_ms=_TICK_MS)
    for number in range(extent.rounds):
        for name, server in servers.items():
            spent, count, seconds = _loaded(server, chat(), extent.seconds, 16, folder)
            if not count:  # LiteLLM on a busy machine
                continue
            whole_us = 1e6 * spent / count
            request_us[name].append(whole_us)
            rates[name].append(count / seconds)
            # LiteLLM is not through with a hundred streams in any sensible time.
            at_once = 8 if name == "litellm" else _STREAMS
            spent, count, _ = _loaded(server, streams, extent.seconds, at_once, folder)
            if count:
                chunk_us[name].append((1e6 * spent / count - whole_us) / _EVENTS)
        told = (
            f"{name} {each[-1]:.1f} / {chunk_us[name][-1]:.1f} us"
            for name, each in request_us.items()
            if chunk_us[name]
        )
        say(f"round {number + 1}: {', '.join(told)}")
    return Measured(
        *(
            {name: median(each) for name, each in kind.items() if each}
            for kind in (request_us, chunk_us, rates)
        )
    )


def compare(result: Result, measured: Measured, extent: Extent) -> None:
    """The figures of CPU and throughput."""
    how = f"us of CPU (user and system), median of {extent.rounds} interleaved rounds of {extent.seconds:g} s"
    kept = "16 connections that are kept; ours with a rollout at 25% and its spool"
    ticks = f"{_STREAMS} streams of {_EVENTS} events, one each {_TICK_MS} ms, less what a whole answer costs"
    for name, kind, peer, bar, note in (
        ("request_cpu_vs_vllm_router", measured.request_us, "vllm-router", 1.0, f"{how}; {kept}"),
        ("chunk_cpu_vs_vllm_router", measured.chunk_us, "vllm-router", 1.0, f"{how}; {ticks}"),
        ("request_cpu_vs_nginx", measured.request_us, "nginx", None, how),
        ("chunk_cpu_vs_nginx", measured.chunk_us, "nginx", None, how),
        ("request_cpu_vs_litellm", measured.request_us, "litellm", None, how),
        ("request_cpu_vs_tree", measured.request_us, "tree", None, f"{how}; theirs: the other working tree"),
        ("chunk_cpu_vs_tree", measured.chunk_us, "tree", None, f"{how}; theirs: the other working tree"),
    ):
        if peer in kind:
            mine, theirs = kind["ours"], kind[peer]
            result.add(Figure(name, mine / theirs, "ratio", mine, theirs, bar, "lower", note))
        elif peer != "tree":
            result.miss(name, f"no {peer} on this machine")
    if "litellm" in measured.per_second:
        mine, theirs = measured.per_second["ours"], measured.per_second["litellm"]
        result.add(Figure("throughput_vs_litellm", mine / theirs, "ratio", mine, theirs, 100.0, "higher",
                          "answers a second, a process each, 16 connections"))  # fmt: skip
    else:
        result.miss("throughput_vs_litellm", "no litellm on this machine")


def added(
    result: Result, servers: Mapping[str, Served], engine: int, measured: Measured, extent: Extent, seed: int
) -> None:
    """What a router adds to the engine's own time, at half of what the slower of the two can do."""
    if "vllm-router" not in servers:
        for name in ("p50_added_vs_vllm_router", "p99_added_vs_vllm_router"):
            result.miss(name, "no vllm-router on this machine")
        return
    rate = min(measured.per_second[name] for name in ("ours", "vllm-router")) / 2
    places = {"engine": engine, **{name: servers[name].port for name in ("ours", "vllm-router")}}
    taken = defaultdict[str, list[Sequence[float]]](list)
    for number in range(extent.rounds):
        for name, port in places.items():
            taken[name].append(Clock(port, rate, seed + number).run(extent.seconds))
    note = (f"ms above the engine alone, median of {extent.rounds} rounds, {rate:.0f} requests a second at random "
            f"moments (half of what the slower one does), 64 connections")  # fmt: skip
    for name, part in (("p50_added_vs_vllm_router", 0.5), ("p99_added_vs_vllm_router", 0.99)):
        at = {key: 1e3 * median(_quantile(run, part) for run in runs) for key, runs in taken.items()}
        mine, theirs = at["ours"] - at["engine"], at["vllm-router"] - at["engine"]
        if min(mine, theirs) <= 0.1 * at["engine"]:
            told = ", ".join(f"{key} {value:.2f} ms" for key, value in at.items())
            result.miss(name, f"the engine alone takes too long to tell what a router adds: {told}")
        else:
            result.add(Figure(name, mine / theirs, "ratio", mine, theirs, 1.2, "lower", note))


def scaling(result: Result, one: Served, two: Served, extent: Extent, folder: Path) -> None:
    """What a second worker brings, and what it costs."""
    rates, costs = (defaultdict[str, list[float]](list) for _ in range(2))
    for _ in range(extent.rounds):
        for name, server in (("one", one), ("two", two)):
            spent, count, seconds = _loaded(server, chat(), extent.seconds, 64, folder)
            rates[name].append(count / seconds)
            costs[name].append(1e6 * spent / count)
    mine, theirs = median(rates["two"]), median(rates["one"])
    cores = os.cpu_count() or 1
    limit = (
        f"; on {cores} cores the engines and wrk want theirs too, which limits it" if cores < _CORES else ""
    )
    note = (f"answers a second of two workers and of one, 64 connections; us of CPU a request "
            f"{median(costs['two']):.1f} and {median(costs['one']):.1f}{limit}")  # fmt: skip
    result.add(Figure("workers_scaling", mine / theirs, "ratio", mine, theirs, 1.8, "higher", note))


def memory(result: Result, server: Served, extent: Extent, folder: Path, per_second: float) -> None:
    """How the resident memory grows once it has all that it needs."""
    wanted = extent.requests / per_second
    wrk(server.port, chat(), max(2.0, wanted / 5), 16, folder)
    before, began = server.rss_mb(), server.status()["recorded"]
    wrk(server.port, chat(), wanted, 16, folder)
    after, ended = server.rss_mb(), server.status()["recorded"]
    growth = (after - before) / ((ended - began) / 1e6)
    note = f"resident {before:.1f} MB after {began:,} requests, {after:.1f} MB after {ended:,}"
    result.add(Figure("memory_growth_mb_per_million", growth, "MB", growth, None, 5.0, "lower", note))


def open_streams(result: Result, server: Served, extent: Extent) -> None:
    """How many streams are open at once and have all their events."""
    before, count, events = server.rss_mb(), extent.open_streams, 40
    whole = ask_streams(server.port, count, events, _LOST_TICK_MS)
    note = (f"of {count:,} at once had all of {events} events, one each {_LOST_TICK_MS} ms; "
            f"resident {before:.0f} MB before, {server.rss_mb():.0f} MB after")  # fmt: skip
    result.add(Figure("open_streams", whole, "streams", whole, None, 5000.0, "higher", note))


def _loaded(
    server: Served, body: bytes, seconds: float, connections: int, folder: Path
) -> tuple[float, int, float]:
    before = server.cpu_s()
    count, took = wrk(server.port, body, seconds, connections, folder)
    return server.cpu_s() - before, count, took


def _quantile(ordered: Sequence[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]
