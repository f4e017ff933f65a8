"""Thirty days of scores through a decider: what they cost, what is kept of them, how long a restart takes."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from _shape import Figure, Result, say

from _endurance.log import MadeLog, Months, Pile, state
from evaluator.watch.worker.decider import Decider

MB = 1e6
FIGURES = (
    "cost_last_vs_first",
    "fold_scores_per_second",
    "rss_mb",
    "largest_record_kb",
    "snapshot_bytes_per_score",
    "restart_s",
)


def months(result: Result, given: Months) -> None:
    """All figures of the watch by itself. The decider has a process of its own, so that its memory is its own."""
    with tempfile.TemporaryDirectory(prefix="belay-endurance-") as folder:
        kept = Path(folder) / "kept"
        watched = _in_a_process("watch", given, kept)
        again = _in_a_process("restart", given, kept)
    _figures(result, given, watched, again)


def _in_a_process(what: str, given: Months, kept: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "_endurance.months", what, json.dumps(asdict(given)), str(kept)]
    bench = Path(__file__).parents[1]
    paths = os.pathsep.join(filter(None, (str(bench), os.environ.get("PYTHONPATH"))))
    found = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": paths}
    )
    said: dict[str, Any] = json.loads(found.stdout)
    return said


def watch(given: Months, kept: Path) -> dict[str, Any]:
    """Fold everything; the CPU of each tenth of the scores, what was written, the largest memory."""
    log = MadeLog(given, time.process_time, Pile(kept))
    for rollout in range(given.rollouts):
        log.tell(state(rollout, revision=1, status="ramping"))
    decider = Decider(log, linger_s=0.0)
    decider.restore()
    tenths: list[float] = []
    for tenth in range(10):
        log.upto, log.making_s = given.records * (tenth + 1) // 10, 0.0
        began = time.process_time()
        while decider.step(0.0):
            pass
        tenths.append(time.process_time() - began - log.making_s)
        say(f"  {10 * (tenth + 1)}% of {given.scores:,} scores, {_rss_mb():.0f} MB resident")
        if tenth == 0:
            for rollout in range(given.rollouts - given.live):
                log.tell(state(rollout, revision=2, status="rolled_back"))
            decider.step(0.0)
    decider.close()
    log.kept.close()
    kept.with_suffix(".states").write_bytes(pickle.dumps(log.states))
    return {
        "tenths_s": tenths,
        "settled": sum(t.evidence.settled for t in decider.rollouts.values() if not t.over),
        "tracked": len(decider.rollouts),
        "written_bytes": log.written_bytes,
        "kept_bytes": log.kept.bytes,
        "largest_bytes": log.largest_bytes,
        "decisions": log.decisions,
        "rss_mb": _rss_mb(peak=True),
        "subjects_mb": sum(t.evidence.draws.size for t in decider.rollouts.values()) / MB,
        "digests": _digests(decider),
    }


def restart(given: Months, kept: Path) -> dict[str, Any]:
    """Restore from what was kept; seconds until the decider is where the other one was."""
    log = MadeLog(given, time.process_time, Pile(kept), upto=given.records)
    # Ours, written a moment ago.
    log.states = pickle.loads(kept.with_suffix(".states").read_bytes())  # noqa: S301
    began = time.monotonic()
    decider = Decider(log, linger_s=0.0)
    decider.restore()
    while decider.step(0.0):
        pass
    took = time.monotonic() - began
    return {"restart_s": took, "digests": _digests(decider), "rss_mb": _rss_mb(peak=True)}


def _digests(decider: Decider) -> dict[str, str]:
    """What tells whether two deciders came to the same: each live rollout's hash chain and M, to the last bit."""
    return {
        rollout: f"{tracked.evidence.digest} {tracked.evidence.e_value.hex()}"
        for rollout, tracked in sorted(decider.rollouts.items())
        if not tracked.over
    }


def _rss_mb(*, peak: bool = False) -> float:
    wanted = "VmHWM:" if peak else "VmRSS:"
    line = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(wanted)
    )
    return int(line.split()[1]) * 1024 / MB


def _figures(result: Result, given: Months, watched: dict[str, Any], again: dict[str, Any]) -> None:
    tenths, settled = watched["tenths_s"], watched["settled"]
    # The first tenth has the rollouts that ended in it besides; the second is the first of the twenty alone.
    each = given.scores / 10
    first, last = tenths[1] / each * MB, tenths[-1] / each * MB
    size = f"{given.scores:,} scores of {DAYS_TOLD}, {given.rollouts} rollouts of which {given.live} live"
    result.add(
        Figure(
            "cost_last_vs_first",
            last / first,
            "ratio",
            last,
            first,
            1.1,
            "lower",
            f"us of CPU a score; {size}",
        )
    )
    rate = given.scores / sum(tenths)
    note = "decode, fold, decide and snapshots on one core, records in memory; Kafka's client comes on top"
    result.add(Figure("fold_scores_per_second", rate, "1/s", rate, None, 15_000, "higher", note))
    note = f"peak of the process; {watched['subjects_mb']:.0f} MB are memory of subjects"
    result.add(Figure("rss_mb", watched["rss_mb"], "MB", None, None, 300, "lower", note))
    largest = watched["largest_bytes"] / 1000
    result.add(
        Figure("largest_record_kb", largest, "kB", None, None, 256, "lower", "of all that was published")
    )
    per_score = watched["written_bytes"] / given.scores
    note = f"written; {watched['kept_bytes'] / given.scores:.1f} are left once the topic is compacted"
    result.add(Figure("snapshot_bytes_per_score", per_score, "B", None, None, 40, "lower", note))
    same = "the same bits" if again["digests"] == watched["digests"] else "OTHER BITS"
    note = (
        f"from the compacted topic as a file to the last score, {same}; {settled:,} scores of live rollouts"
    )
    result.add(Figure("restart_s", again["restart_s"], "s", None, None, 5, "lower", note))


DAYS_TOLD = "thirty simulated days"

if __name__ == "__main__":
    given = Months(**json.loads(sys.argv[2]))
    json.dump({"watch": watch, "restart": restart}[sys.argv[1]](given, Path(sys.argv[3])), sys.stdout)
