"""Prediction-powered scores: a cheap proxy on all traffic, the judge on a fraction of it.

Replace Y by f + (Y - f)*xi/rho, where f is the proxy's guess and xi = 1 with chance rho, drawn before either is
looked at. Its expectation is Y's whatever the proxy says (Angelopoulos et al. 2023; Zrnic and Candes 2024), so
a bad proxy costs speed, never validity. Its range widens to [1 - 1/rho, 1/rho], which the bets respect.
"""

from __future__ import annotations

from evaluator.watch.evidence.sequential import GRID, GRID_WEIGHTS, DropProcess
from telemetry.errors import UsageError


def powered_score(proxy: float, judged: float | None, rho: float) -> float:
    """The score of one interaction: `judged` is None where it was not drawn for judging (chance 1 - rho)."""
    return proxy if judged is None else proxy + (judged - proxy) / rho


def score_range(rho: float) -> tuple[float, float]:
    """The smallest and the largest `powered_score`. Raises UsageError for a fraction outside (0, 1]."""
    if not 0.0 < rho <= 1.0:
        raise UsageError(f"the judged fraction must be above 0 and at most 1, it is {rho}")
    return 1.0 - 1.0 / rho, 1.0 / rho


def powered_drop_process(delta: float, rho: float) -> DropProcess:
    """A `DropProcess` for scores that `powered_score` made with the same `rho`."""
    return DropProcess(delta, GRID, GRID_WEIGHTS, score_range(rho))
