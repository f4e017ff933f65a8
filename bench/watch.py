"""The watch on traffic that nobody has seen: how far its scores may be believed, and what they cost in interactions.

    python bench/watch.py            # the full run: real models, some 40 minutes on two cores
    python bench/watch.py --quick    # asks no model: what a whole run has kept, in fewer runs
    python bench/watch.py --tuned FOLDER   # a fine-tune that forgets, instead of training one
    python bench/watch.py --json     # one JSON object on standard output

Answers are asked once and kept. What is judged stood in no file that anything here learnt from; the models it is judged
on taught nobody, but for base. Every figure says which.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from _shape import Result, arguments, finish, say
from _watch.costs import costs
from _watch.streams import streams
from _watch.unseen import taught_judge, unseen
from _watch.world import Laboratory, Size, laboratory

from evaluator.judge.embedding import Embedder

NEED_ANSWERS = (
    "scored_share_unseen",
    "judge_auc_unseen",
    "judge_auc_unseen_worst",
    "arm_mean_error_unseen",
    "judge_calibration_error",
    "unseen_vs_verified_samples",
    "false_rollback_unseen",
)


def main() -> None:
    given = arguments(__doc__ or "", more=_options)
    result = Result("watch", given.quick, given.seed)
    began = time.monotonic()
    size = Size(items=40, prompts=400)
    lab = laboratory(size, given.seed, given.tuned, cores=given.cores, ask=not given.quick)
    say(f"  (models and answers: {time.monotonic() - began:.0f} s)")
    if lab is None:
        for name in NEED_ANSWERS:
            result.miss(name, "no answers are kept: the whole run asks the models, --quick does not")
    else:
        _judged(result, lab)
    costs(result)
    finish(result, as_json=given.json)


def _judged(result: Result, lab: Laboratory) -> None:
    judge = taught_judge(lab, Embedder())
    found = unseen(result, lab, judge.judge)
    thresholds = {
        c.name: c.threshold
        for c in lab.loaded.brief.capabilities
        if any(r.capability == c.name for r in found["base"])
    }
    streams(result, found, thresholds, judge.calibrations, "third")


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tuned", type=Path, help="the folder of a fine-tune (or its adapter) that forgets")
    parser.add_argument("--cores", default="auto", help="the engine's cores, as vLLM wants them")


if __name__ == "__main__":
    main()
