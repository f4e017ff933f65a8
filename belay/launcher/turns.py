"""What the replay client sends: one request after another, out of a brief's items or out of a file of one's own."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from belay.launcher.unseen import Source, write_unseen
from evaluator.briefs.brief import Capability, LoadedBrief
from evaluator.verifiers import VERIFIERS
from telemetry.errors import UsageError
from telemetry.events import Message
from telemetry.mistakes import explain, near_or_known

BETWEEN_VISITS: Final = 40.0
"""Mean number of others' requests between two of a subject."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What is known of a request beforehand. It stays with the client: nothing that serves or judges ever has it.

    `capability` is None where the request belongs to none. Without a `verifier` nobody can say what is right.
    """

    capability: str | None
    verifier: str | None = None
    reference: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Turn:
    """One request of one subject: the conversation so far, which ends with what the user wants now."""

    subject: str
    messages: tuple[Message, ...]
    max_tokens: int
    streamed: bool
    truth: Truth | None = None

    @property
    def prompt(self) -> str:
        """What the user asked last."""
        return next((m.content for m in reversed(self.messages) if m.role == "user"), "")


def turns_of(source: Source, loaded: LoadedBrief, count: int, seed: int, written: Path) -> list[Turn]:
    """`count` turns for a brief out of `source`; unseen ones are written anew into the file `written` first."""
    if source is Source.ITEMS:
        return plan_traffic(loaded, count, seed)
    return read_turns(write_unseen(loaded.folder, written, count, seed), count, seed)


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
                messages=(Message(role="user", content=item.prompt),),
                max_tokens=capability.max_tokens,
                streamed=draw.random() < 0.5,
                truth=_truth_of(capability, item.reference),
            )
            placed.append((when, turn))
            when += draw.expovariate(1 / BETWEEN_VISITS)
    placed.sort(key=lambda pair: pair[0])
    return [turn for _, turn in placed[:count]]


def _truth_of(capability: Capability, reference: Any) -> Truth:
    judge = capability.judge
    return Truth(capability.name, judge.verifier, reference, judge.options)


class _TruthLine(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    capability: str | None
    verifier: str | None = None
    reference: Any = None
    options: dict[str, Any] = Field(default_factory=dict)


class PromptLine(BaseModel):
    """One line of a file of prompts. Without a `session` each line is a subject of its own.

    `messages` is the conversation so far, the last one the user's. `truth`, if there is one, is the capability that
    the request belongs to (null for none) and what a verifier needs; without it nothing is known of the request.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    messages: Annotated[tuple[Message, ...], Field(min_length=1)]
    session: Annotated[str, Field(min_length=1)] | None = None
    max_tokens: Annotated[int, Field(gt=0)] = 64
    truth: _TruthLine | None = None


def read_turns(path: Path, count: int, seed: int) -> list[Turn]:
    """The first `count` requests of a JSONL file of prompts, in its order; about half of them stream, by `seed`.

    UsageError where the file cannot be read, has no line, or a line is none of a conversation.
    """
    try:
        written = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    draw = random.Random(seed)
    lines = [(number, line) for number, line in enumerate(written, start=1) if line.strip()]
    turns = [_turn(path, number, line, draw) for number, line in lines[:count]]
    if not turns:
        raise UsageError(
            f"{path} has no prompts", hint='One a line: {"messages": [{"role": "user", "content": "..."}]}'
        )
    return turns


def _turn(path: Path, number: int, text: str, draw: random.Random) -> Turn:
    try:
        line = PromptLine.model_validate_json(text)
    except ValidationError as error:
        raise UsageError(
            "\n".join([f"{path}:{number} is no prompt:", *explain(error, PromptLine)])
        ) from error
    if line.truth is not None and line.truth.verifier not in {None, *VERIFIERS}:
        unknown = line.truth.verifier or ""
        raise UsageError(f"{path}:{number}: unknown verifier {unknown!r}{near_or_known(unknown, VERIFIERS)}")
    if line.messages[-1].role != "user":
        raise UsageError(
            f"{path}:{number}: the last message is the {line.messages[-1].role}'s, not the user's"
        )
    truth = line.truth
    return Turn(
        subject=line.session or f"line-{number}",
        messages=line.messages,
        max_tokens=line.max_tokens,
        streamed=draw.random() < 0.5,
        truth=None
        if truth is None
        else Truth(truth.capability, truth.verifier, truth.reference, truth.options),
    )
