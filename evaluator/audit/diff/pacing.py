"""How many draws of a measure to ask next, and whether asking on can still change anything. Pure."""

from __future__ import annotations

from math import ceil, inf, log

import numpy as np

from evaluator.audit.diff.paired import Draw, Evidence, evidence_of
from evaluator.audit.diff.settings import GateSettings
from evaluator.judge.judges.betting import Floats

_MOST_CHUNKS = 8
_EVEN_IF = (Draw(1.0, 1.0), Draw(-1.0, -1.0))


def draws_to_go(evidence: Evidence, level_fail: float, alpha_pass: float) -> float:
    """How many more draws make a verdict certain, if evidence goes on growing as it has; infinite where none grew.

    A guess that paces the asking; no verdict depends on it.
    """
    return min(
        _to_go(evidence.for_fail, log(1.0 / level_fail), evidence.draws),
        _to_go(evidence.for_pass, log(1.0 / alpha_pass), evidence.draws),
    )


def next_chunk(evidence: Evidence, left: int, level_fail: float, settings: GateSettings) -> int:
    """How many of the `left` draws to ask now: half of what seems to be needed, so that the last chunks are small."""
    if not evidence.draws:
        return min(settings.chunk, left)
    guess = draws_to_go(evidence, level_fail, settings.alpha_pass) / 2.0
    wanted = _MOST_CHUNKS * settings.chunk if guess == inf else ceil(guess)
    return min(max(wanted, settings.chunk), _MOST_CHUNKS * settings.chunk, left)


def out_of_reach(
    draws: Floats, left: int, fail_beyond: float, pass_within: float | None, settings: GateSettings
) -> bool:
    """Whether neither verdict can become certain, whatever the draws that are left would show.

    `draws` has a row (smallest, largest) for each. Tried are the best that could come: everything lost for `fail`,
    everything gained for `pass`.
    """
    worst, best = (np.concatenate([draws, np.tile(extreme, (left, 1))]) for extreme in _EVEN_IF)
    fail = evidence_of(worst, fail_beyond, None).p_fail <= settings.alpha_fail
    could_pass = (
        pass_within is not None and evidence_of(best, fail_beyond, pass_within).p_pass <= settings.alpha_pass
    )
    return not fail and not could_pass


def _to_go(found: float, needed: float, draws: int) -> float:
    if found >= needed:
        return 0.0
    return (needed - found) * draws / found if found > 0.0 and draws else inf
