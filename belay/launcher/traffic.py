"""The replay client: realistic mixed traffic through the router's OpenAI API, with subjects that come back."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import httpx
import openai
from rich.console import Console

from belay.launcher.view import router_status
from belay.progress import Report, bar
from belay.project import Project
from evaluator.briefs.brief import LoadedBrief, load_brief
from telemetry.errors import EngineFailed, InfrastructureError, UsageError

_MAX_ERRORS_KEPT = 5
_LOOK_S = 0.5
_OVER: Final = frozenset({"rolled_back", "closed"})


@dataclass(frozen=True, slots=True)
class Turn:
    """One request of one subject. `capability` is what it was drawn from; nobody but a test may look at it."""

    subject: str
    capability: str
    prompt: str
    max_tokens: int
    streamed: bool


@dataclass(slots=True)
class TrafficCount:
    """What the client saw."""

    planned: int
    answered: int = 0
    failed: int = 0
    errors: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    @property
    def rate(self) -> float:
        """Answers a second so far."""
        return self.answered / max(time.monotonic() - self.began, 1e-6)

    @property
    def left_s(self) -> float | None:
        """Seconds until everything planned is answered at this rate; None before the first answer."""
        return (self.planned - self.answered - self.failed) / self.rate if self.answered else None


def plan_traffic(loaded: LoadedBrief, count: int, seed: int, max_turns: int = 3) -> list[Turn]:
    """Draw `count` turns: capabilities by the brief's shares, prompts from the split `traffic`.

    Every subject has 1 to `max_turns` turns, spread over the next hundred or so requests, the way people
    come back to a conversation. About half of the turns stream.
    """
    draw = random.Random(seed)
    capabilities = loaded.brief.capabilities
    pools = {c.name: [i for i in loaded.items[c.name] if i.split == "traffic"] for c in capabilities}
    shares = [c.share for c in capabilities]
    placed: list[tuple[float, Turn]] = []
    number = 0
    while len(placed) < count:
        number += 1
        when = float(len(placed))
        for _ in range(draw.randint(1, max_turns)):
            capability = draw.choices(capabilities, shares)[0]
            item = draw.choice(pools[capability.name])
            turn = Turn(
                subject=f"customer-{seed}-{number:05d}",
                capability=capability.name,
                prompt=item.prompt,
                max_tokens=capability.max_tokens,
                streamed=draw.random() < 0.5,
            )
            placed.append((when, turn))
            when += draw.expovariate(1 / 40)
    placed.sort(key=lambda pair: pair[0])
    return [turn for _, turn in placed[:count]]


class ReplayClient:
    """Sends planned turns from a thread of its own, `concurrency` at a time, until done or stopped."""

    def __init__(self, url: str, model: str, turns: Sequence[Turn], concurrency: int = 12) -> None:
        self.count = TrafficCount(planned=len(turns))
        self._url = url
        self._model = model
        self._turns = turns
        self._concurrency = concurrency
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="replay-client", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self.count.began = time.monotonic()
        self._thread.start()

    def stop(self, timeout_s: float = 30.0) -> None:
        """Send nothing new and wait for what is under way."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    @property
    def finished(self) -> bool:
        """Whether everything planned was sent and answered, or the client was stopped."""
        return not self._thread.is_alive()

    def _run(self) -> None:
        asyncio.run(self._send_all())

    async def _send_all(self) -> None:
        waiting = iter(self._turns)
        async with openai.AsyncOpenAI(
            base_url=f"{self._url}/v1",
            api_key="demo",
            max_retries=0,
            timeout=120.0,
        ) as client:

            async def lane() -> None:
                for turn in waiting:
                    if self._stop.is_set():
                        return
                    await self._send(client, turn)

            await asyncio.gather(*(lane() for _ in range(self._concurrency)))

    async def _send(self, client: openai.AsyncOpenAI, turn: Turn) -> None:
        try:
            await _ask(client, self._model, turn)
        except openai.APIError as error:
            self.count.failed += 1
            if len(self.count.errors) < _MAX_ERRORS_KEPT:
                self.count.errors.append(f"{type(error).__name__}: {error}")
        else:
            self.count.answered += 1


def send_traffic(project: Project, *, count: int, at_once: int, seed: int, console: Console) -> TrafficCount:
    """Send `count` turns of the brief through the project's router; no more once the rollout under way has ended.

    Raises InfrastructureError where the router is away, EngineFailed where nothing at all is answered, and UsageError
    where the brief has no traffic.
    """
    loaded, url = load_brief(project.brief), project.router_url
    if mute := [c.name for c in loaded.brief.capabilities if not loaded.items_of(c.name, "traffic")]:
        raise UsageError(
            f"{project.brief} has no item with split 'traffic' of {', '.join(mute)}",
            hint="Add some to its items.",
        )
    with httpx.Client(timeout=5.0) as http:
        if not router_status(http, url):
            raise InfrastructureError(f"no router answers at {url}", hint="Start it: `belay up`.")
        client = ReplayClient(url, project.route, plan_traffic(loaded, count, seed), at_once)
        with bar(console, "   traffic") as report:
            client.start()
            try:
                ended = _until_ended(client, lambda: str(router_status(http, url).get("rollout")), report)
            finally:
                client.stop()
    found = client.count
    if found.failed and not found.answered:
        raise EngineFailed(f"none of {found.failed} requests was answered: {found.errors[0]}")
    told = f"   {found.answered:,} of {count:,} answered, {found.failed:,} failed"
    console.print(f"{told}; the rollout is {ended}, so no more were sent" if ended else told)
    for error in found.errors:
        console.print(f"   {error}", markup=False)
    return found


def _until_ended(client: ReplayClient, rollout: Callable[[], str], report: Report) -> str:
    """Wait for the client; how the rollout ended that was under way at first, empty where none did."""
    began = rollout()
    while not client.finished:
        now, count = rollout(), client.count
        report(count.answered + count.failed, count.planned, f"{count.rate:.1f}/s")
        if now != began and now in _OVER:
            return now.replace("_", " ")
        time.sleep(_LOOK_S)
    report(client.count.planned, client.count.planned, f"{client.count.rate:.1f}/s")
    return ""


async def _ask(client: openai.AsyncOpenAI, model: str, turn: Turn) -> None:
    headers = {"x-session-id": turn.subject}
    if not turn.streamed:
        await client.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": turn.prompt}],
            max_tokens=turn.max_tokens,
            temperature=0.0,
            extra_headers=headers,
        )
        return
    stream = await client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": turn.prompt}],
        max_tokens=turn.max_tokens,
        temperature=0.0,
        extra_headers=headers,
        stream=True,
    )
    async for _ in stream:
        pass
