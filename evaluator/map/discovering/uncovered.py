"""What no capability of a brief covers, as candidates for it: unknown traffic, grouped and named. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from evaluator.judge.tagging.conversations import Tagging
from evaluator.map.discovering.discovery import Discovery, discover
from evaluator.map.discovering.gathering import Asked
from telemetry.events import Value


class Suggested(Value):
    """One candidate: its share of all traffic, how many queries and different prompts, and which stand for it."""

    name: str
    share: float
    queries: int
    prompts: int
    exemplars: tuple[str, ...]


class Suggestion(Value):
    """What was read, which part of it is unknown, and the candidates in it, heaviest first.

    `stability` is how alike the groups are that two halves of the unknown prompts give (1 is best).
    """

    queries: int
    unknown: int
    tagger: str
    stability: float
    capabilities: tuple[Suggested, ...]


def suggest(asked: Sequence[Asked], tagger: Tagging, version: str, most: int) -> Suggestion:
    """Group what the tagger leaves unknown. UsageError where that is too little to be grouped (`FEWEST` prompts)."""
    tags = tagger.tag([one.exchange.prompt for one in asked])
    left = [one for one, tag in zip(asked, tags, strict=True) if tag.capability is None]
    found = discover(left, most)
    part = len(left) / len(asked)
    return Suggestion(
        queries=len(asked),
        unknown=len(left),
        tagger=version,
        stability=found.grouping.stability,
        capabilities=_capabilities(found, part),
    )


def _capabilities(found: Discovery, part: float) -> tuple[Suggested, ...]:
    return tuple(
        Suggested(
            name=one.name,
            share=one.share * part,
            queries=one.queries,
            prompts=len(one.prompts),
            exemplars=tuple(prompt.text for prompt in one.exemplars),
        )
        for one in found.capabilities
    )
