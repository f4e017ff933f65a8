"""Traffic of which a part is one client's who knows what the candidate fails, or alone solves, and its evidence."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from _scores import rollout, score

from evaluator.watch.evidence.fold import RolloutEvidence
from telemetry.events import Arm, ScoreRecorded
from telemetry.subjects import unit_of

THRESHOLD: Final = 0.05
BASE: Final = 0.9
UNBOUNDED: Final = 1 << 30
OTHER_KEYS: Final = 100

Aim = Literal["force", "hide"]


@dataclass(frozen=True, slots=True)
class Attack:
    """`part` of the traffic comes from `sessions` sessions in turn, or from a new one each time where that is None.

    `candidate` is how often the candidate is right for everybody else (base `BASE`). Whoever wants to `force` a
    rollback asks what base passes and the candidate fails; whoever wants to `hide` a drop the opposite. All of it comes
    by one API key, everybody else's by `OTHER_KEYS`; `most_of_key` bounds the part of one.
    """

    aim: Aim
    part: float
    sessions: int | None = 1
    candidate: float = BASE
    share: float = 0.25
    shadow: float = 0.1
    interactions: int = 20_000
    most_of_key: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """When it was rolled back, in interactions and in the attacker's own requests; None where it never was."""

    at: int | None
    requests: int


def run(attack: Attack, seed: int, *, bounded: bool = True) -> Outcome:
    """One rollout under attack. Without the bound every pair of a subject counts, as it did before there was one."""
    spec = rollout({"facts": THRESHOLD}, attack.share)
    evidence = RolloutEvidence(spec.model_copy(update={"most_of_key": attack.most_of_key}))
    requests = 0
    if not bounded:
        evidence.folds["facts"].most = UNBOUNDED
    for number, (one, theirs) in enumerate(_traffic(attack, seed)):
        evidence.settle(one, 0, number)
        requests += theirs
        if evidence.breached:
            return Outcome(number + 1, requests)
    return Outcome(None, requests)


def _traffic(attack: Attack, seed: int) -> Iterator[tuple[ScoreRecorded, bool]]:
    rng = random.Random(seed)
    theirs = (1.0, 0.0) if attack.aim == "force" else (0.0, 1.0)
    for number in range(attack.interactions):
        attacks = rng.random() < attack.part
        name = f"{seed}/{number}"
        if attacks and attack.sessions is not None:
            name = f"{seed}/attacker {rng.randrange(attack.sessions)}"
        chances = theirs if attacks else (BASE, attack.candidate)
        control, candidate = (float(rng.random() < chance) for chance in chances)
        subject = hashlib.sha256(name.encode()).hexdigest()[:32]
        arm: Arm = "candidate" if unit_of(subject) < attack.share else "control"
        mine, other = (candidate, control) if arm == "candidate" else (control, candidate)
        paired = rng.random() < attack.shadow
        shadow = other if paired else None
        made = score(number, "facts", mine, shadow, subject=subject, arm=arm, share=attack.share)
        key = "theirs" if attacks else f"key {rng.randrange(OTHER_KEYS)}"
        yield made.model_copy(update={"by_key": key}), attacks
