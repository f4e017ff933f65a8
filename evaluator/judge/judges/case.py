"""What a judge is handed: one answer, the conversation that it ends, and what is known beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from telemetry.events import Message


@dataclass(frozen=True, slots=True)
class Case:
    """One answer to be judged.

    `prompt` is what the user asked last, `earlier` the turns before it. `base` is base's answer to the same
    conversation: the answer itself where base gave it, None where nobody asked base. `finish_reason` is the engine's.
    `interaction` is the id of the interaction, empty offline; `parameters` are those of its request, which say how the
    answer was drawn. A judge may look at all of it, and never learns the arm.
    """

    capability: str
    prompt: str
    answer: str
    earlier: tuple[Message, ...] = ()
    base: str | None = None
    finish_reason: str | None = None
    interaction: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)


def conversation_of(case: Case) -> tuple[Message, ...]:
    """The turns that the answer was given to."""
    return (*case.earlier, Message(role="user", content=case.prompt))


def earlier_turns(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The turns before the last of the user; none where the user said nothing."""
    for at in range(len(messages) - 1, -1, -1):
        if messages[at].role == "user":
            return tuple(messages[:at])
    return ()
