"""Conversations tagged by all that the user said, the last turn before all others. Works with every tagger.

What the last turn alone says is the last word. Only where that is nothing, because it is short and leans on what was
said before ("and in Fahrenheit?"), are the turns before it read with it. A turn that is plainly about something else
("thanks, tell me a joke") keeps its own tag, also where that is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from evaluator.judge.tagging.tagger import Tag
from telemetry.events import InteractionRecorded
from telemetry.prompts import turns_of

LEANING: Final = 80
"""Characters up to which a turn may lean on those before it."""
BEFORE: Final = 2
"""Turns before the last that are read with it."""


class Tagging(Protocol):
    """What every tagger does."""

    def tag(self, prompts: Sequence[str]) -> list[Tag]:
        """One tag for each prompt."""
        ...


def tag_interactions(tagger: Tagging, interactions: Sequence[InteractionRecorded]) -> list[Tag]:
    """One tag for each interaction, in their order; it depends on what the user said alone."""
    return tag_conversations(tagger, [turns_of(one) for one in interactions])


def tag_conversations(tagger: Tagging, conversations: Sequence[Sequence[str]]) -> list[Tag]:
    """One tag for each conversation, given as the turns of the user; without a turn it is untagged."""
    tags = tagger.tag([turns[-1] if turns else "" for turns in conversations])
    leaning = [
        at for at, (turns, tag) in enumerate(zip(conversations, tags, strict=True)) if _leans(turns, tag)
    ]
    whole = tagger.tag(["\n".join(conversations[at][-1 - BEFORE :]) for at in leaning]) if leaning else []
    for at, tag in zip(leaning, whole, strict=True):
        if tag.capability is not None:
            tags[at] = tag
    return tags


def _leans(turns: Sequence[str], tag: Tag) -> bool:
    if len(turns) < 2 or tag.capability is not None or tag.elsewhere:
        return False
    return 0 < len(turns[-1].strip()) <= LEANING
