"""How models are asked and judged offline: what a baseline and every audit against it share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console

from belay.home import Home
from belay.progress import Report
from belay.wiring import engine_version
from evaluator.audit.asking.answer_cache import AnswerCache
from evaluator.audit.asking.answering import CachedModel, Conditions
from evaluator.audit.asking.recorded_chat import recorded_chat
from evaluator.audit.measures.measure import ServedModel
from evaluator.briefs.brief import LoadedBrief
from serving.engines.address import ModelAddress
from serving.engines.identity_probes import engine_of
from serving.engines.openai_client import Completion, complete_many
from serving.models.store import ModelStore, StoredModel
from telemetry.errors import EngineFailed
from telemetry.events import Message


@dataclass(frozen=True, slots=True)
class Asking:
    """Whose models are asked by which brief, and who is shown how far it is.

    Without `keep` everything is asked, also what was answered before, and nothing is kept.
    """

    home: Home
    loaded: LoadedBrief
    console: Console
    keep: bool = True

    @property
    def models(self) -> ModelStore:
        """The home's models."""
        return ModelStore(self.home.models)

    @contextmanager
    def cache(self) -> Iterator[AnswerCache | None]:
        """The answers that were asked before, of any model; None where nothing is to be kept or reused."""
        if not self.keep:
            yield None
            return
        with AnswerCache(self.home.answers) as cache:
            yield cache
            if cache.damaged:
                # Said by the audit's report too; a baseline has none.
                Console(stderr=True).print(
                    f"   {cache.damaged} kept answers were damaged and were asked again"
                )


@dataclass(frozen=True, slots=True)
class ModelAt:
    """A model, and where it answers."""

    model: StoredModel
    address: ModelAddress


class HttpChat:
    """Asks a model at an engine, greedily and sixteen conversations at a time; counts its calls and tokens.

    `calls` and `tokens` count what came back: one answer is one call. Raises EngineFailed where one did not.
    """

    def __init__(self, address: ModelAddress) -> None:
        self._address, self._headers = address, address.headers
        self.calls = self.tokens = 0

    def __call__(
        self, turns: Sequence[Sequence[Message]], max_tokens: int, on_answer: Callable[[int, str], None]
    ) -> list[str]:
        """The answers, in the order of `turns`; each is handed to `on_answer` as it arrives."""

        def arrived(index: int, completion: Completion) -> None:
            if completion.error is None:
                self.calls += 1
                self.tokens += completion.tokens
                on_answer(index, completion.text)

        url, model = self._address.root, self._address.model
        found = complete_many(url, model, turns, max_tokens, headers=self._headers, on_answer=arrived)
        failed = [answer.error for answer in found if answer.error is not None]
        if failed:
            raise EngineFailed(
                f"{len(failed)} of {len(found)} prompts were not answered by {model} at {url}: {failed[0]}"
            )
        return [answer.text for answer in found]


def served_model(
    where: ModelAt, models: ModelStore, cache: AnswerCache | None
) -> tuple[CachedModel, HttpChat]:
    """The model as it answers, behind the cache; and what counts its calls."""
    sha256 = where.model.manifest.sha256
    conditions = Conditions(model_sha256=sha256, engine_version=version_of(where))
    ask = HttpChat(where.address)
    served = ServedModel(
        url=where.address.root,
        name=where.address.model,
        sha256=sha256,
        folder=models.tokenizer_of(where.model),
        chat=recorded_chat(ask, conditions, cache) if cache else unrecorded(ask),
        headers=where.address.headers,
    )
    return CachedModel(served, conditions, cache), ask


def unrecorded(ask: HttpChat) -> Callable[[Sequence[Sequence[Message]], int], list[str]]:
    """A chat of which nothing is kept."""
    return lambda turns, tokens: ask(turns, tokens, lambda _index, _answer: None)


def version_of(where: ModelAt) -> str:
    """The engine on whose answers a baseline depends: the installed one, or what others say that theirs is."""
    return engine_version() if where.model.manifest.engine is None else engine_of(where.address)


@contextmanager
def going_on_later() -> Iterator[None]:
    """Say of an engine that failed that nothing is lost."""
    try:
        yield
    except EngineFailed as error:
        raise EngineFailed(
            error.message,
            hint=f"{error.hint} What was answered is kept: the same command goes on where this one ended.".strip(),
        ) from error


def with_rate(report: Report) -> Report:
    """The same progress, with items a second in its note, counted from the first report on."""
    began = 0.0
    before: int | None = None

    def rated(done: int, total: int, note: str) -> None:
        nonlocal began, before
        if before is None:
            began, before = time.monotonic(), done
        elapsed = time.monotonic() - began
        rate = f"{(done - before) / elapsed:.1f}/s  " if elapsed > 1.0 else ""
        report(done, total, f"{rate}{note}")

    return rated
