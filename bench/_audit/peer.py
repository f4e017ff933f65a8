"""The peer of the audit's benchmark: two full lm-eval runs, and a z-test on what they say.

A full run is lm-eval's own (`simple_evaluate` with its client `local-completions`, through the one module that may
import it), with its sample files; from them come the scores item by item. On the two results there are two z-tests
of a drop against a threshold d, one-sided each way at the same alpha:

    z = (mean_base - mean_candidate - d) / se       fail: z > z_alpha    pass: z < -z_alpha    else inconclusive

- as it is usually done: se^2 = se_base^2 + se_candidate^2 from the standard errors that lm-eval prints (sample
  standard deviation over root n), as if the two runs had nothing to do with each other;
- paired, which is stronger and what we are compared with: se from the differences item by item.

Degenerate: where no item differs the paired se is 0 and the drop counts as known exactly.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from _audit.sets import TestSet
from evaluator.audit.benchmarks.lm_eval_measure import run_full
from evaluator.audit.measures.measure import ServedModel

Verdict = Literal["pass", "fail", "inconclusive"]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FullRun:
    """One set asked whole: score and requests of every item, in the file's order, and the seconds it took."""

    values: tuple[float, ...]
    calls: tuple[int, ...]
    seconds: float


def full_run(one: TestSet, model: ServedModel, tasks: Path, folder: Path, concurrency: int) -> FullRun:
    """Let lm-eval ask `model` the whole set; its result and sample files stay in `folder`."""
    begin = time.monotonic()
    figures = run_full(
        [one.task],
        model,
        folder,
        include_path=tasks,
        chat_template=one.chat_template,
        concurrency=concurrency,
    )[one.task]
    seconds = time.monotonic() - begin
    samples = read_samples(newest_samples(folder, one.task))
    values = tuple(float(sample[one.metric]) for sample in samples)
    said = figures[f"{one.metric},none"]
    if abs(said - sum(values) / len(values)) > 1e-6:
        raise ValueError(
            f"{one.task}: lm-eval says {said}, its samples have the mean {sum(values) / len(values)}"
        )
    return FullRun(values, tuple(len(sample["resps"]) for sample in samples), seconds)


def newest_samples(folder: Path, task: str) -> Path:
    """The newest of lm-eval's sample files of `task` in `folder`."""
    return max(folder.rglob(f"samples_{task}_*.jsonl"), key=lambda file: file.stat().st_mtime)


def read_samples(file: Path) -> list[dict[str, Any]]:
    """lm-eval's samples, by document. Raises ValueError where one is missing or there twice."""
    with file.open(encoding="utf-8") as lines:
        samples = [json.loads(line) for line in lines]
    samples.sort(key=lambda sample: sample["doc_id"])
    if [sample["doc_id"] for sample in samples] != list(range(len(samples))):
        raise ValueError(f"{file} has {len(samples)} samples, and they are not of the documents 0, 1, 2, ...")
    return samples


def usual_z(base: Sequence[float], candidate: Sequence[float], threshold: float) -> float:
    """The z-value from two means and the standard errors that lm-eval prints beside them."""
    b, c = np.asarray(base), np.asarray(candidate)
    error = sqrt(b.var(ddof=1) / b.size + c.var(ddof=1) / c.size)
    return float(_z(b.mean() - c.mean() - threshold, error))


def paired_z(base: Sequence[float], candidate: Sequence[float], threshold: float) -> float:
    """The z-value from the differences item by item."""
    d = np.asarray(base) - np.asarray(candidate)
    return float(_z(d.mean() - threshold, d.std(ddof=1) / sqrt(d.size)))


def _z(over: ArrayLike, error: ArrayLike) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num(np.divide(over, error), nan=0.0, posinf=np.inf, neginf=-np.inf)


def z_verdict(z: float, alpha: float) -> Verdict:
    """What a z-value says at error `alpha` each way."""
    needed = float(norm.isf(alpha))
    return "fail" if z > needed else "pass" if z < -needed else "inconclusive"
