"""What an audit asks: ways of measuring a capability, all of one shape.

A capability is measured by the brief's own items, by lm-eval tasks, by MT-Bench categories. Each is a `Measure`:
it knows its items, and turns some of them and a model into scores. The audit decides which items to ask, of
whom, and when to stop; a measure never does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from evaluator.audit.measures.answers import ItemAnswer
from telemetry.events import Message

Chat = Callable[[Sequence[Sequence[Message]], int], Sequence[str]]
"""Asks one model conversations, each answer at most so many tokens long; the answers in their order, greedy."""


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that answers. `sha256` is its manifest's; `name` is its name at `url`.

    `url` is the engine's root, without `/v1`. `folder` holds its tokenizer and is None where nobody has one. `chat`
    asks it; raises EngineFailed where it does not answer. `headers` go with every request, such as the engine's key.
    """

    url: str
    name: str
    sha256: str
    folder: Path | None
    chat: Chat
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class MeasureItem:
    """One item of a measure. Items of one `cluster` share a passage and are drawn together; None is alone."""

    id: str
    cluster: str | None = None


class Measure(Protocol):
    """One way to measure one capability, from items to scores in [0, 1]."""

    @property
    def capability(self) -> str:
        """The capability's name in the brief."""
        ...

    @property
    def name(self) -> str:
        """How the audit calls it: `items`, `arc_easy`, `mt_bench/reasoning`; unique within its capability."""
        ...

    @property
    def version(self) -> str:
        """Changes whenever a score may: prompts, references, metric, few-shot examples, judge, library."""
        ...

    @property
    def threshold(self) -> float:
        """The largest drop tolerated, in score points on [0, 1]."""
        ...

    @property
    def chance(self) -> float:
        """What guessing scores."""
        ...

    @property
    def items(self) -> Sequence[MeasureItem]:
        """Every item, in a fixed order."""
        ...

    def answer(self, model: ServedModel, ids: Sequence[str]) -> Sequence[ItemAnswer]:
        """Ask `model` these items and score its answers, in the order of `ids`.

        Raises EngineFailed, and ItemsUnjudged where its judge could not be had, with the items that were judged.
        """
        ...
