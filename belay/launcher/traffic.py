"""The replay client: realistic mixed traffic through the router's OpenAI API, with subjects that come back."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import openai
from rich.console import Console

from belay.launcher.turns import Turn, plan_traffic, read_turns
from belay.launcher.view import router_status
from belay.progress import Report, bar
from belay.project import Project, brief_of_route
from evaluator.briefs.brief import load_brief
from evaluator.verifiers import VERIFIERS
from evaluator.watch.reporting.against_truth import Known
from telemetry.errors import EngineFailed, InfrastructureError, UsageError

INTERACTION: Final = "x-belay-interaction"
"""The header in which the router says which interaction an answer is."""
_MAX_ERRORS_KEPT = 5
_LOOK_S = 0.5
_OVER: Final = frozenset({"rolled_back", "closed"})


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


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer as the client got it. `interaction_id` is the router's name for it; None where it did not tell."""

    turn: Turn
    text: str
    interaction_id: str | None


class ReplayClient:
    """Sends planned turns from a thread of its own, `concurrency` at a time, until done or stopped.

    Of turns with a truth it keeps what was answered, for `known`.
    """

    def __init__(self, url: str, model: str, turns: Sequence[Turn], concurrency: int = 12) -> None:
        self.count = TrafficCount(planned=len(turns))
        self._answers: list[Answered] = []
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

    def known(self) -> list[Known]:
        """What the client knows of the interactions that were answered: the truth of its own answers."""
        return [one for answered in tuple(self._answers) if (one := known_of(answered)) is not None]

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
            answered = await _ask(client, self._model, turn)
        except openai.APIError as error:
            self.count.failed += 1
            if len(self.count.errors) < _MAX_ERRORS_KEPT:
                self.count.errors.append(f"{type(error).__name__}: {error}")
        else:
            self.count.answered += 1
            if turn.truth is not None:
                self._answers.append(answered)


def known_of(answered: Answered) -> Known | None:
    """The truth of one answer; None where the turn has none, or the router did not say which interaction it was."""
    truth, turn = answered.turn.truth, answered.turn
    if truth is None or answered.interaction_id is None:
        return None
    value = None
    if truth.verifier is not None:
        verify = VERIFIERS[truth.verifier]
        value = verify(answered.text, truth.reference, turn.prompt, truth.options).value
    return Known(answered.interaction_id, truth.capability, value)


def send_traffic(
    project: Project, turns: Sequence[Turn], *, at_once: int, console: Console, route: str | None = None
) -> TrafficCount:
    """Send `turns` through the project's router to its own route, or to another; no more once its rollout has ended.

    Raises InfrastructureError where the router is away or has no such route, EngineFailed where nothing is answered.
    """
    route = None if route == project.route else route
    with httpx.Client(timeout=5.0) as http:

        def rollout() -> str:
            return str(_of_route(router_status(http, project.status_url), route).get("rollout"))

        _check_route(router_status(http, project.status_url), project, route)
        client = ReplayClient(project.router_url, route or project.route, turns, at_once)
        with bar(console, "   traffic") as report:
            client.start()
            try:
                ended = _until_ended(client, rollout, report)
            finally:
                client.stop()
    found = client.count
    if found.failed and not found.answered:
        raise EngineFailed(f"none of {found.failed} requests was answered: {found.errors[0]}")
    told = f"   {found.answered:,} of {len(turns):,} answered, {found.failed:,} failed"
    console.print(f"{told}; the rollout is {ended}, so no more were sent" if ended else told)
    for error in found.errors:
        console.print(f"   {error}", markup=False)
    return found


def _check_route(told: Mapping[str, Any], project: Project, route: str | None) -> None:
    if not told:
        where = f"{project.router_url} (it would say so at {project.status_url})"
        raise InfrastructureError(f"no router answers at {where}", hint="Start it: `belay up`.")
    if route is not None and not _of_route(told, route):
        raise InfrastructureError(
            f"the router at {project.router_url} has no route {route!r}; it has {', '.join(told.get('routes', ()))}",
            hint="It was started before the route was added: `belay up router`.",
        )


def _of_route(told: Mapping[str, Any], route: str | None) -> Mapping[str, Any]:
    """What the router says of a route; of its default one at the top, where that is None."""
    found: Mapping[str, Any] = told if route is None else told.get("routes", {}).get(route, {})
    return found


def turns_for(
    project: Project, prompts: Path | None, *, count: int, seed: int, route: str | None = None
) -> list[Turn]:
    """`count` turns: out of a file of prompts, or of the route's brief. UsageError where that has no traffic."""
    brief = brief_of_route(project, route)
    if prompts is not None:
        return read_turns(prompts, count, seed)
    loaded = load_brief(brief, project.judges)
    if mute := [c.name for c in loaded.brief.capabilities if not loaded.items_of(c.name, "traffic")]:
        raise UsageError(
            f"{brief} has no item with split 'traffic' of {', '.join(mute)}",
            hint="Add some to its items, or send prompts of your own: `--prompts FILE`.",
        )
    return plan_traffic(loaded, count, seed)


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


async def _ask(client: openai.AsyncOpenAI, model: str, turn: Turn) -> Answered:
    asked: dict[str, Any] = {
        "model": model,
        "messages": [message.model_dump() for message in turn.messages],
        "max_tokens": turn.max_tokens,
        "temperature": 0.0,
        "extra_headers": {"x-session-id": turn.subject},
    }
    raw = await client.chat.completions.with_raw_response.create(**asked, stream=turn.streamed)
    said = raw.parse()
    if isinstance(said, openai.AsyncStream):
        text = "".join([part.choices[0].delta.content or "" async for part in said if part.choices])
    else:
        text = said.choices[0].message.content or ""
    return Answered(turn, text, raw.headers.get(INTERACTION))
