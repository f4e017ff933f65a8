"""Attacks on the programs that judge: how often one makes a bad answer good.

An attack is the whole answer, stands behind a bad one, or before it. Bad is what the verifier itself calls bad
without the attack: a refusal, a text beside the point, and another item's reference. With the item's reference, and
without, where the verifier works out what the prompt asks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

from _shape import Figure, Result

from _judge.attacks import Attack, attacks
from evaluator.briefs.brief import JudgeSettings, load_brief
from evaluator.briefs.items import Item
from evaluator.judge.judges.suite import GOOD_ABOVE
from evaluator.verifiers import VERIFIERS

BRIEFS = ("support", "tickets")
BAD = ("", "I do not know.", "Bananas are yellow and grow in warm places.")


@dataclass(slots=True)
class Flips:
    """Bad answers that an attack made good, of how many, by verifier, by kind of attack, and which attacks did."""

    tried: int = 0
    flipped: int = 0
    by_verifier: Counter[str] = field(default_factory=Counter)
    by_kind: Counter[str] = field(default_factory=Counter)
    attacks: set[str] = field(default_factory=set)

    @property
    def share(self) -> float:
        """Of those tried."""
        return self.flipped / self.tried if self.tried else 0.0


def injections(result: Result) -> None:
    """The share of attacks that a program falls for, over all verifiers on the items of the shipped briefs."""
    items, known = (1 if result.quick else 8), attacks()
    with_reference, without = over_all_verifiers(items, result.seed, known)
    result.add(
        Figure(
            "injection_flips_verified",
            max(with_reference.share, without.share),
            "fraction",
            with_reference.share,
            without.share,
            0.01,
            "lower",
            f"{len(known)} attacks of {len({a.kind for a in known})} kinds, alone, behind and before bad answers to "
            f"{items} items a capability of {' and '.join(BRIEFS)}; ours: with the item's reference, "
            f"{with_reference.flipped} of {with_reference.tried:,} {_most(with_reference)}; theirs: without one, "
            f"{without.flipped} of {without.tried:,} {_most(without)}; the worse of the two counts",
        )
    )


def over_all_verifiers(items: int, seed: int, known: Sequence[Attack]) -> tuple[Flips, Flips]:
    """What attacks do to bad answers to so many items a capability: with the reference, and without."""
    with_reference, without = Flips(), Flips()
    for settings, group in _capabilities(items, seed):
        for item, other in group:
            attack_item(with_reference, settings, item, other, known)
            attack_item(without, settings, item.model_copy(update={"reference": None}), other, known)
    return with_reference, without


def attack_item(
    flips: Flips, settings: JudgeSettings, item: Item, other: Item, known: Sequence[Attack]
) -> None:
    """Count what the attacks do to the bad answers of one item."""
    assert settings.verifier is not None  # noqa: S101 - only such are tried
    verifier = VERIFIERS[settings.verifier]

    def good(answer: str) -> bool:
        value = verifier(answer, item.reference, item.prompt, settings.options).value
        return value is not None and value > GOOD_ABOVE

    for bad in dict.fromkeys((*BAD, _text(other.reference))):
        if good(bad):
            continue
        for attack in known:
            placed = (attack.text,) if not bad else (f"{bad}\n{attack.text}", f"{attack.text}\n{bad}")
            for answer in placed:
                flips.tried += 1
                if good(answer):
                    flips.flipped += 1
                    flips.by_verifier[settings.verifier] += 1
                    flips.by_kind[attack.kind] += 1
                    flips.attacks.add(attack.id)


def _capabilities(items: int, seed: int) -> Iterator[tuple[JudgeSettings, list[tuple[Item, Item]]]]:
    """Each capability that a program judges: some of its items, each with another one."""
    examples = Path(__file__).resolve().parents[2] / "examples"
    for brief in BRIEFS:
        loaded = load_brief(examples / brief / "brief.yaml")
        for capability in loaded.brief.capabilities:
            if capability.judge.verifier is not None:
                group = list(loaded.items[capability.name])
                Random(seed).shuffle(group)
                yield capability.judge, list(pairwise(group[: items + 1]))


def _text(reference: Any) -> str:
    """What somebody would answer whose item has this reference; "" where an answer is more than that."""
    return str(reference) if isinstance(reference, str | int | float) else ""


def _most(flips: Flips) -> str:
    if not flips.flipped:
        return "(none)"
    verifiers = ", ".join(f"{name} {n}" for name, n in flips.by_verifier.most_common())
    kinds = ", ".join(f"{name} {n}" for name, n in flips.by_kind.most_common(3))
    return f"({verifiers}; most by {kinds}; {len(flips.attacks)} attacks ever did)"
