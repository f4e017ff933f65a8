"""What it costs a client to force a rollback, or to hide a drop, by choosing what it asks.

    python bench/poisoning.py            # the full run, some minutes on one core
    python bench/poisoning.py --quick    # under a minute
    python bench/poisoning.py --json     # one JSON object on standard output

Theirs is the same evidence without the bound on a subject's pairs, or on an API key's part. Seeded; threshold 5 points,
base .9, alpha 1%.
"""

from __future__ import annotations

from dataclasses import replace
from statistics import median
from typing import Final

from _poisoning.attack import OTHER_KEYS, Attack, Outcome, run
from _shape import Figure, Result, arguments, finish, say

PARTS: Final = (0.1, 0.3, 0.6)
OF_KEY: Final = 0.02
"""As much as one subject may be at this threshold."""
SESSIONS: Final = (1, 2, 4, 6, 8, 12, 16)


def forced(result: Result, runs: int) -> None:
    """A healthy candidate, and one session with a part of the traffic that only asks what the candidate fails."""
    ours, theirs, told = [], [], []
    for shadow in (0.1, 0.5):
        for part in PARTS:
            attack = Attack("force", part, shadow=shadow)
            with_, without = (_rolled_back(_all(attack, runs, bounded=bound)) for bound in (True, False))
            ours.append(with_)
            theirs.append(without)
            told.append(f"{part:.0%} of the traffic, {shadow:.0%} pairs: {with_:.2f} ({without:.2f})")
            say(told[-1])
    note = f"{runs} runs each of 20,000 interactions, the worst counts; ours (without the bound): {'; '.join(told)}"
    worst = max(ours)
    result.add(Figure("forced_by_one_session", worst, "fraction", worst, max(theirs), 0.01, "lower", note))


def sessions_needed(result: Result, runs: int) -> None:
    """The fewest sessions, together 30% of the traffic, that roll a healthy candidate back in half of the runs."""
    attack = Attack("force", 0.3, shadow=0.5)
    told = []
    needed: int | None = None
    for many in SESSIONS:
        found = _rolled_back(_all(replace(attack, sessions=many), runs))
        told.append(f"{many}: {found:.2f}")
        say(f"{many} sessions: {found:.2f}")
        if found >= 0.5 and needed is None:
            needed = many
            break
    note = (
        f"30% of the traffic, 50% pairs, {runs} runs of 20,000 interactions; rolled back by sessions: "
        f"{', '.join(told)}; by the bound 2m/(2m + 70) of what counts is theirs, 5 points at m = 1.8"
    )
    if needed is None:
        result.miss("sessions_to_force", note)
        return
    result.add(Figure("sessions_to_force", needed, "sessions", needed, 1.0, None, "higher", note))


def fresh_sessions(result: Result, runs: int) -> None:
    """Whoever makes a session a request: nothing but the rate of new subjects stands against it."""
    told, ours = [], []
    for share in (0.05, 0.25, 0.5):
        for part in (1.0, 0.3):
            outcomes = _all(Attack("force", part, sessions=None, share=share), runs)
            needed = median(o.requests for o in outcomes)
            ours.append(needed)
            told.append(f"share {share:.0%}, {part:.0%} of the traffic: {needed:.0f}")
            say(told[-1])
    note = f"the attacker's own requests, each of a new session, median of {runs} runs: {'; '.join(told)}"
    least = min(ours)
    result.add(Figure("poison_cost_requests", least, "requests", least, None, None, "higher", note))


def hidden(result: Result, runs: int) -> None:
    """A drop of 30 points, and one session that asks what the candidate alone solves."""
    told, ratios, alone = [], [], _samples(_all(Attack("hide", 0.0, candidate=0.6, shadow=0.5), runs))
    unbounded = []
    for part in PARTS:
        attack = Attack("hide", part, candidate=0.6, shadow=0.5)
        with_, without = (_samples(_all(attack, runs, bounded=bound)) for bound in (True, False))
        # What is left of honest traffic is all that can be learnt from.
        ratios.append(with_ * (1 - part) / alone)
        unbounded.append(without * (1 - part) / alone)
        told.append(f"{part:.0%} of the traffic: {with_:.0f} ({without:.0f})")
        say(told[-1])
    note = (
        f"others' interactions until the rollback over {alone:.0f} without anybody's attack, median of {runs} runs, "
        f"the worst counts; all interactions, ours (without the bound; 20,000 is never): {'; '.join(told)}"
    )
    worst = max(ratios)
    result.add(Figure("hidden_by_one_session", worst, "ratio", worst, max(unbounded), 2.0, "lower", note))


def one_key(result: Result, runs: int) -> None:
    """A healthy candidate, and one API key by which every request is of a new session."""
    ours, theirs, told = [], [], []
    for shadow in (0.1, 0.5):
        for part in PARTS:
            attack = Attack("force", part, sessions=None, shadow=shadow)
            free = _all(attack, runs)
            held = _all(replace(attack, most_of_key=OF_KEY), runs)
            ours.append(_rolled_back(held))
            theirs.append(_rolled_back(free))
            needed = median(o.requests for o in free)
            told.append(
                f"{part:.0%} of the traffic, {shadow:.0%} pairs: {ours[-1]:.2f} of the runs "
                f"({theirs[-1]:.2f}, after {needed:.0f} of its requests)"
            )
            say(told[-1])
    drop = Attack("force", 0.0, candidate=0.6, shadow=0.5)
    slow, plain = (_samples(_all(replace(drop, most_of_key=most), runs)) for most in (OF_KEY, None))
    note = (
        f"one key may be {OF_KEY:.0%} of a window, {runs} runs each of 20,000 interactions, the worst counts; with the "
        f"bound (without): {'; '.join(told)}. A drop of 30 points that nobody hides, from {OTHER_KEYS} keys alike, is "
        f"found after {slow:.0f} interactions ({plain:.0f})"
    )
    worst = max(ours)
    result.add(Figure("forced_by_one_key", worst, "fraction", worst, max(theirs), 0.01, "lower", note))


def _all(attack: Attack, runs: int, *, bounded: bool = True) -> list[Outcome]:
    return [run(attack, seed, bounded=bounded) for seed in range(runs)]


def _rolled_back(outcomes: list[Outcome]) -> float:
    return sum(o.at is not None for o in outcomes) / len(outcomes)


def _samples(outcomes: list[Outcome]) -> float:
    return float(median(20_000 if o.at is None else o.at for o in outcomes))


def main() -> None:
    """Run it."""
    asked = arguments(__doc__ or "")
    result = Result("poisoning", asked.quick, 0)
    runs = 4 if asked.quick else 20
    for part in (forced, sessions_needed, fresh_sessions, hidden, one_key):
        part(result, runs)
    finish(result, as_json=asked.json)


if __name__ == "__main__":
    main()
