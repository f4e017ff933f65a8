"""Capabilities found in traffic: prompts counted by subject, grouped, named, and stood for by some of them. Pure."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from evaluator.briefs.items import normalised_prompt
from evaluator.map.discovering.checks import Check, check_of, common_check
from evaluator.map.discovering.choosing import Choice, candidate, chosen
from evaluator.map.discovering.gathering import Asked
from evaluator.map.discovering.grouping import FEWEST, Grouping, grouped
from evaluator.map.discovering.naming import OTHER_NAME, names_of
from evaluator.map.discovering.weights import capped_weights
from telemetry.errors import UsageError

MOST: Final = 12
"""Capabilities that are looked for at most: more than that nobody reviews."""


@dataclass(slots=True)
class Prompt:
    """One prompt, however often it was asked. `weight` is what its queries weigh, `asked` how many they are."""

    first: Asked
    weight: float = 0.0
    asked: int = 0

    @property
    def text(self) -> str:
        """The prompt as it was asked first, redacted."""
        return self.first.exchange.prompt


@dataclass(frozen=True, slots=True)
class Found:
    """One capability: its part of the traffic by weight, its prompts, and which of them stand for it.

    `queries` counts requests without any weight; `check` is the verifier that suits it, `checks` each item's own.
    """

    name: str
    share: float
    queries: int
    prompts: tuple[Prompt, ...]
    exemplars: tuple[Prompt, ...]
    items: tuple[Prompt, ...]
    check: Check
    checks: tuple[Check | None, ...]


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was found. `left_out` is the part of the weight in a group of which too little can be copied."""

    capabilities: tuple[Found, ...]
    grouping: Grouping
    prompts: int
    subjects: int
    unknown: int
    heaviest: float
    left_out: float = 0.0
    labels: tuple[int, ...] = field(default=(), repr=False)


def discover(asked: Sequence[Asked], most: int = MOST) -> Discovery:
    """Capabilities, heaviest first, `other` last. UsageError where fewer than `FEWEST` different prompts came.

    A subject's repeats of one prompt are one query, and no subject weighs more than `weights.LARGEST_PART`.
    """
    prompts, subjects = _counted(asked)
    if len(prompts) < FEWEST:
        raise UsageError(
            f"{len(prompts)} different prompts came, at least {FEWEST} are needed to tell capabilities apart",
            hint="Give more traffic, or write the brief by `belay brief new` without it.",
        )
    weights = [prompt.weight for prompt in prompts]
    grouping = grouped([prompt.text for prompt in prompts], weights, most)
    labels = grouping.labels.tolist()
    names = [*names_of([prompt.text for prompt in prompts], weights, labels), OTHER_NAME]
    found = [
        one for group in (*range(grouping.groups), -1) if (one := _found(prompts, grouping, group, names))
    ]
    kept = sum(one.share for one in found)
    whole = sum(weights)
    known = {one.exchange.subject for one in asked} - {None}
    return Discovery(
        capabilities=tuple(_scaled(one, kept) for one in found),
        grouping=grouping,
        prompts=len(prompts),
        subjects=len(known),
        unknown=sum(one.exchange.subject is None for one in asked),
        heaviest=max(subjects.values(), default=0) / len(asked),
        left_out=1.0 - kept / whole,
        labels=tuple(labels),
    )


def _counted(asked: Sequence[Asked]) -> tuple[list[Prompt], Counter[str]]:
    """The different prompts with their weights, in the order of their digests, and each subject's queries."""
    keys = [normalised_prompt(one.exchange.prompt).casefold() for one in asked]
    subjects = Counter(one.exchange.subject for one in asked if one.exchange.subject is not None)
    seen: set[tuple[str, str]] = set()
    once: list[int] = []
    found: dict[str, Prompt] = {}
    for at, (key, one) in enumerate(zip(keys, asked, strict=True)):
        prompt = found.setdefault(key, Prompt(one))
        prompt.asked += 1
        who = one.exchange.subject
        if who is None or (who, key) not in seen:
            once.append(at)
        if who is not None:
            seen.add((who, key))
        # Where one prompt came in several ways, the one that can be an item, with an answer, stands for it.
        if _serves(one) > _serves(prompt.first):
            prompt.first = one
    for at, weight in zip(once, capped_weights([asked[at].exchange.subject for at in once]), strict=True):
        found[keys[at]].weight += weight
    # By digest: which prompt came first is chance, and k-means begins with what comes first.
    ordered = sorted(
        found, key=lambda key: hashlib.blake2b(key.encode(errors="replace"), digest_size=16).digest()
    )
    return [found[key] for key in ordered], subjects


def _serves(one: Asked) -> tuple[bool, bool]:
    return one.exchange.alone, one.exchange.answer is not None


def _found(prompts: Sequence[Prompt], grouping: Grouping, group: int, names: Sequence[str]) -> Found | None:
    mine = [at for at, label in enumerate(grouping.labels.tolist()) if label == group]
    choice = _choice(prompts, grouping, mine)
    if choice is None:
        return None
    items = [prompts[at] for at in choice.items]
    checks = [check_of(one.text, one.first.exchange.answer) for one in items]
    return Found(
        name=names[group],
        share=sum(prompts[at].weight for at in mine),
        queries=sum(prompts[at].asked for at in mine),
        prompts=tuple(prompts[at] for at in mine),
        exemplars=tuple(prompts[at] for at in choice.exemplars),
        items=tuple(items),
        check=common_check(checks),
        checks=tuple(checks),
    )


def _choice(prompts: Sequence[Prompt], grouping: Grouping, mine: Sequence[int]) -> Choice | None:
    candidates = [
        candidate(
            at,
            prompts[at].text,
            alone=prompts[at].first.exchange.alone,
            touched=prompts[at].first.touched,
            nearness=float(grouping.nearness[at]),
        )
        for at in mine
    ]
    return chosen([one for one in candidates if one is not None])


def _scaled(one: Found, whole: float) -> Found:
    return Found(
        one.name, one.share / whole, one.queries, one.prompts, one.exemplars, one.items, one.check, one.checks
    )
