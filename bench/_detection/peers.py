"""The peers' rules, from their documentation, over many runs at once and on the same streams as ours.

Each sees blocks of interactions (`evaluator.watch.planning.simulate.Block`) and looks after every block. All of them
compare the arms' plain means over all traffic so far (or in the interval), which is what the products do.

- Flagger (docs.flagger.app, "How it works": `interval`, `threshold` = failed checks before rollback, 5 in its
  examples) and Argo Rollouts (argo-rollouts.readthedocs.io, "Analysis": `failureLimit`, 3 in its examples):
  a check fails where the candidate's mean of the interval is below control's by more than the threshold.
- Kayenta (spinnaker/kayenta, NetflixACAJudge): Mann-Whitney U over the intervals' means at 98% confidence; a
  difference counts where its confidence interval clears tolerance = .25 of the estimate, which in the normal
  approximation asks for z >= 2.326/.75.
- O'Brien-Fleming: z of the difference against c/sqrt(information fraction), c = Phi^-1(1 - alpha/2), the
  boundary for any number of looks, planned for a given number of units.
- GrowthBook (docs.growthbook.io, "Sequential testing"): the asymptotic confidence sequence of Waudby-Smith et
  al., N* = 5,000.
- mSPRT (Johari et al. 2017, Optimizely): normal mixture with standard deviation tau = .05.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu, norm

from evaluator.watch.planning.simulate import Block

Floats = NDArray[np.float64]


class Counts:
    """Units and successes of each arm, run and capability: arrays (2, runs, capabilities)."""

    def __init__(self, runs: int, capabilities: int) -> None:
        self.shape = (2, runs, capabilities)
        self.n = np.zeros(self.shape)
        self.sum = np.zeros(self.shape)

    def add(self, block: Block) -> tuple[Floats, Floats]:
        """Take in a block's unpaired units; the block's own counts and successes."""
        _, runs, k = self.shape
        used = block.fresh & ~block.pair & ((block.share > 0) & (block.share < 1))[:, None]
        cell = (block.candidate * runs + np.arange(runs)) * k + block.k
        y = np.where(block.candidate, block.changed, block.control)
        size = 2 * runs * k
        n = np.bincount(cell[used], minlength=size).reshape(self.shape).astype(float)
        s = np.bincount(cell[used], weights=y[used], minlength=size).reshape(self.shape)
        self.n += n
        self.sum += s
        return n, s

    def gap_and_variance(self) -> tuple[Floats, Floats]:
        """Difference of the means and its squared standard error; infinite where an arm has under 2 units."""
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = self.sum / self.n
            variance = (mean * (1.0 - mean) / (self.n - 1.0)).sum(axis=0)
        few = (self.n < 2).any(axis=0)
        # both arms all good or all bad so far: no variance seen is not a variance of 0
        variance = np.maximum(variance, 1e-12)
        return np.where(few, 0.0, mean[0] - mean[1]), np.where(few, np.inf, variance)


class Peer:
    """A rule. `stopped` holds the interaction at which each run was rolled back, 0 where it never was."""

    def __init__(self, runs: int) -> None:
        self.stopped = np.zeros(runs, dtype=np.int64)

    def look(self, counts: Counts, n: Floats, s: Floats, at: int) -> None:
        """Look after a block that ended with interaction `at`."""
        hit = self.rejects(counts, n, s).any(axis=1)
        self.stopped[hit & (self.stopped == 0)] = at

    def rejects(self, counts: Counts, n: Floats, s: Floats) -> NDArray[np.bool_]:
        """(runs, capabilities): where the rule says that the capability dropped."""
        raise NotImplementedError

    @property
    def found(self) -> float:
        """Fraction of runs that were rolled back."""
        return float((self.stopped > 0).mean())


class FailureLimit(Peer):
    """Flagger and Argo: a count of failed interval checks, per capability."""

    def __init__(self, runs: int, delta: float, limit: int) -> None:
        super().__init__(runs)
        self.delta, self.limit = delta, limit
        self.failed: Floats | None = None

    def rejects(self, counts: Counts, n: Floats, s: Floats) -> NDArray[np.bool_]:  # noqa: ARG002 - a rule
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = s / n
        failed = (mean[0] - mean[1] > self.delta) & (n > 0).all(axis=0)
        self.failed = failed.astype(float) if self.failed is None else self.failed + failed
        return self.failed >= self.limit


class GrowthBook(Peer):
    """Asymptotic confidence sequence; rejects where its lower end is above delta (`sign` -1: promotion)."""

    def __init__(self, runs: int, delta: float, alpha: float, tuning: float = 5000.0, sign: int = 1) -> None:
        super().__init__(runs)
        self.delta, self.alpha, self.sign = delta, alpha, sign
        self.rho2 = (-2.0 * np.log(alpha) + np.log(-2.0 * np.log(alpha) + 1.0)) / tuning

    def rejects(self, counts: Counts, n: Floats, s: Floats) -> NDArray[np.bool_]:  # noqa: ARG002 - a rule
        gap, variance = counts.gap_and_variance()
        total = np.maximum(counts.n.sum(axis=0), 1.0)
        tr = total * self.rho2
        width = np.sqrt(variance * 2.0 * (tr + 1.0) / tr * np.log(np.sqrt(tr + 1.0) / self.alpha))
        return np.asarray(self.sign * (gap - self.delta) > width)


class MixtureSprt(Peer):
    """mSPRT with a normal mixture over the difference."""

    def __init__(self, runs: int, delta: float, alpha: float, tau: float = 0.05) -> None:
        super().__init__(runs)
        self.delta, self.alpha, self.tau2 = delta, alpha, tau * tau

    def rejects(self, counts: Counts, n: Floats, s: Floats) -> NDArray[np.bool_]:  # noqa: ARG002 - a rule
        gap, variance = counts.gap_and_variance()
        known = np.isfinite(variance)
        v = np.where(known, variance, 1.0)
        over = gap - self.delta
        log_lambda = 0.5 * np.log(v / (v + self.tau2)) + self.tau2 * over**2 / (2.0 * v * (v + self.tau2))
        return np.asarray(known & (over > 0) & (log_lambda >= np.log(1.0 / self.alpha)))


class OBrienFleming(Peer):
    """Group-sequential test planned for `planned` units a capability; after them it asks c itself."""

    def __init__(self, runs: int, delta: float, alpha: float, planned: float) -> None:
        super().__init__(runs)
        self.delta, self.planned = delta, planned
        self.c = float(norm.ppf(1.0 - alpha / 2.0))

    def rejects(self, counts: Counts, n: Floats, s: Floats) -> NDArray[np.bool_]:  # noqa: ARG002 - a rule
        gap, variance = counts.gap_and_variance()
        fraction = np.minimum(counts.n.sum(axis=0) / self.planned, 1.0)
        z = (gap - self.delta) / np.sqrt(variance)
        return np.asarray(z * np.sqrt(fraction) >= self.c)


class Kayenta(Peer):
    """Mann-Whitney over the intervals' means, looked at every `every` intervals."""

    Z = 2.326 / 0.75

    def __init__(self, runs: int, every: int = 10) -> None:
        super().__init__(runs)
        self.every = every
        self.series: list[Floats] = []

    def rejects(self, counts: Counts, n: Floats, s: Floats) -> NDArray[np.bool_]:  # noqa: ARG002 - a rule
        with np.errstate(divide="ignore", invalid="ignore"):
            self.series.append(s / n)
        if len(self.series) % self.every:
            return np.zeros(n.shape[1:], dtype=bool)
        series = np.stack(self.series)
        with warnings.catch_warnings():
            # an arm that has no unit in most intervals yet: the rule then says nothing
            warnings.simplefilter("ignore", RuntimeWarning)
            test = mannwhitneyu(
                series[:, 0],
                series[:, 1],
                alternative="greater",
                axis=0,
                method="asymptotic",
                nan_policy="omit",
            )
        return np.asarray(np.nan_to_num(test.pvalue, nan=1.0) <= norm.sf(self.Z))


class Panel:
    """Several peers on one stream."""

    def __init__(self, runs: int, capabilities: int, peers: dict[str, Peer]) -> None:
        self.counts = Counts(runs, capabilities)
        self.peers = peers

    def __call__(self, block: Block) -> bool:
        """See a block; whether any peer still waits in any run."""
        n, s = self.counts.add(block)
        for peer in self.peers.values():
            peer.look(self.counts, n, s, block.start + len(block.share))
        return any((peer.stopped == 0).any() for peer in self.peers.values())

    def ratios(self, limit: float, horizon: int) -> dict[str, float]:
        """Mean interactions until rollback over `limit`; a run never rolled back counts with the horizon."""
        return {
            name: float(np.where(peer.stopped > 0, peer.stopped, horizon).mean() / limit)
            for name, peer in self.peers.items()
        }

    def found(self) -> dict[str, float]:
        """Each peer's fraction of runs rolled back."""
        return {name: peer.found for name, peer in self.peers.items()}


def describe(values: dict[str, float], digits: int = 3, skip: Sequence[str] = ()) -> str:
    """`name value` of each peer, for a figure's note."""
    return ", ".join(f"{name} {value:.{digits}g}" for name, value in values.items() if name not in skip)
