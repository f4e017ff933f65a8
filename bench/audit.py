"""The audit beside two full lm-eval runs and a z-test: what it saves, and whether it says the same.

    python bench/audit.py                  # everything; see bench/README.md for how long it takes
    python bench/audit.py --quick          # under three minutes: replays what a full run recorded
    python bench/audit.py --stage wall     # by the clock only, two hours of a quiet machine; later runs quote it
    python bench/audit.py --set piqa qed   # of these sets only; `--stage wall` measures them by the clock
    python bench/audit.py --json           # one JSON object on standard output

Stages: `record` (once: base's answers to every item, by full lm-eval runs on a real vLLM), `wall` (of two sets, two
full runs and audits by the clock), `replay` (audits and z-tests on the recorded answers, many seeds), `boundary`
(error rates by simulation). What they keep lies in $BELAY_BENCH_CACHE, by default ~/.cache/belay-bench; the data sets
are looked for in $BELAY_BENCH_DATA, by default ../shared/data.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence

from _audit import boundary
from _audit.planted import Plant
from _audit.recorded import Recorded, load
from _audit.replay import Cell, agreement, counts, limit_saved, replay_cell, replay_together, saved
from _audit.sets import SETS, TestSet, cache_folder, data_folder
from _audit.timings import load_walls, ratios, told
from _shape import Figure, Result, arguments, finish, say

from evaluator.audit.diff.floor import at_floor
from evaluator.audit.diff.settings import GateSettings

ALPHA = 0.01
DROPS = (0.0, 0.01, 0.02, 0.05, 0.10)
CHURN = 0.01
WALL_SETS = ("qa_wikidata", "mmlu")
WALL_SEEDS = 1
WALL_DROPS = (0.0, 0.05, 0.10)
STAGES = ("record", "wall", "replay", "boundary")


def calls_saved(result: Result, recorded: Sequence[Recorded]) -> None:
    """Requests of two full runs over those of an audit, and the verdicts of both, over many seeds."""
    names = [f"calls_saved_at_{round(100 * d)}" for d in DROPS if d in WALL_DROPS]
    watched, floor = _above_floor(recorded)
    if not watched:
        for name in (*names, "same_verdicts"):
            result.miss(name, f"nothing is recorded of base in {cache_folder()}: the full run records it")
        return
    seeds = range(result.seed, result.seed + (3 if result.quick else 20))
    cells = {drop: _cells(watched, drop, CHURN, seeds) for drop in DROPS}
    others = {
        churn: {drop: _cells(watched, drop, churn, seeds[:5]) for drop in WALL_DROPS} for churn in (0.0, 0.05)
    }
    unknown = {drop: _cells(watched, drop, CHURN, seeds[:5], baseline=False) for drop in WALL_DROPS}
    for name, drop in zip(names, WALL_DROPS, strict=True):
        every = cells[drop]
        note = (
            f"requests for all sets, both arms, mean of {len(seeds)} seeds, {CHURN:.0%} lost and gained beside the "
            f"drop; at the limit of any such test {limit_saved(every):.3g}; by set: {_by_set(every)}. "
            + "".join(
                f"With {churn:.0%} lost and gained {saved(row[drop]):.3g} (limit {limit_saved(row[drop]):.3g}). "
                for churn, row in others.items()
            )
            + f"Without a baseline, which says that base is above the floor, {saved(unknown[drop]):.3g}. "
            + f"All sets in one audit, one error over all: {_together(watched, drop, seeds[:5])}{floor}"
        )
        ours, theirs = (sum(getattr(c, of) for c in every) / len(seeds) for of in ("calls", "full_calls"))
        result.add(Figure(name, theirs / ours, "ratio", ours, theirs, 5.0, "higher", note))
    _same_verdicts(result, [c for every in cells.values() for c in every], floor)


def _same_verdicts(result: Result, cells: Sequence[Cell], floor: str) -> None:
    same, opposite, compared = agreement(cells)
    table = "; ".join(
        f"{drop:.0%}: ours {counts(c.ours for c in row)}, paired {counts(c.paired for c in row)}, "
        f"usual {counts(c.usual for c in row)}"
        for drop in DROPS
        if (row := [c for c in cells if c.drop == drop])
    )
    result.add(
        Figure(
            "same_verdicts",
            same,
            "fraction",
            same,
            None,
            None,
            "higher",
            f"ours and the paired z-test, {compared} cells of set, drop and seed where that test has 90% "
            f"power or more; opposite (pass and fail): {opposite}. "
            f"Pass/fail/inconclusive in all {len(cells)} cells by drop: {table}; usual is the z-test "
            "from lm-eval's two standard errors" + floor,
        )
    )


def _above_floor(recorded: Iterable[Recorded]) -> tuple[list[Recorded], str]:
    """The sets on which base can lose anything, and the others in words."""
    why = {r.name: at_floor(r.values, r.chance, r.threshold) for r in recorded}
    said = [f"{name} ({reason})" for name, reason in why.items() if reason]
    return [
        r for r in recorded if why[r.name] is None
    ], f"; left out, at the floor: {', '.join(said)}" if said else ""


def _plant(recorded: Recorded, drop: float, churn: float, seed: int) -> Plant:
    return Plant(recorded.name, drop, churn, seed, recorded.accuracy)


def _cells(
    recorded: Sequence[Recorded], drop: float, churn: float, seeds: Sequence[int], *, baseline: bool = True
) -> list[Cell]:
    """Each set audited on its own, where base has as many right answers as are to be spoiled."""
    found = []
    for r in recorded:
        for seed in seeds:
            plant = _plant(r, drop, churn, seed)
            if plant.possible:
                found.append(replay_cell(r, plant, _settings(seed), baseline=baseline))
    say(f"  replayed drop {drop:.0%}, churn {churn:.0%}")
    return found


def _together(recorded: Sequence[Recorded], drop: float, seeds: Sequence[int]) -> str:
    able = [r for r in recorded if _plant(r, drop, CHURN, 0).possible]
    full = 2 * len(seeds) * sum(r.all_calls for r in able)
    asked = [
        sum(
            replay_together(able, [_plant(r, drop, CHURN, s) for r in able], _settings(s, first_fail=first))[
                0
            ]
            for s in seeds
        )
        for first in (False, True)
    ]
    return f"{full / asked[0]:.3g}, {full / asked[1]:.3g} where it ends at the first set that fails"


def _by_set(cells: Sequence[Cell]) -> str:
    names = dict.fromkeys(c.name for c in cells)
    return ", ".join(f"{name} {saved(c for c in cells if c.name == name):.3g}" for name in names)


def _settings(seed: int, *, first_fail: bool = False) -> GateSettings:
    return GateSettings(alpha_fail=ALPHA, alpha_pass=ALPHA, seed=seed, first_fail=first_fail)


def at_the_boundary(result: Result) -> None:
    """Errors where the true drop is the threshold itself."""
    cases, runs = (boundary.QUICK, 2_000) if result.quick else (boundary.CASES, 10_000)
    found = boundary.errors(cases, runs, ALPHA, result.seed)
    for name, which in (("false_pass", 0), ("false_block", 1)):
        ours = {e.case: e.ours[which] for e in found}
        theirs = {e.case: e.paired[which] for e in found}
        usual = max(e.usual[which] for e in found)
        worst, theirs_worst = max(ours, key=ours.__getitem__), max(theirs, key=theirs.__getitem__)
        mean = sum(ours.values()) / len(ours)
        result.add(
            Figure(
                name,
                ours[worst],
                "fraction",
                ours[worst],
                theirs[theirs_worst],
                ALPHA,
                "lower",
                f"worst of {len(cases)} cases, {runs:,} runs each, looked at after every item: {worst}; mean "
                f"{mean:.2g}. Theirs: the paired z-test, looked at once, worst at {theirs_worst}; the usual z-test's "
                f"worst {usual:.2g}",
            )
        )


def by_the_clock(sets: Sequence[TestSet], seeds: Sequence[int]) -> None:
    """Measure these sets by the clock, where the data are there."""
    data = data_folder()
    if data is not None:
        from _audit.wall import measure_wall  # noqa: PLC0415 - loads the engine's parts, which a replay does not need

        measure_wall(sets, data, cache_folder(), WALL_DROPS, CHURN, [_settings(seed) for seed in seeds])


def wall_saved(result: Result, recorded: Sequence[Recorded]) -> None:
    """Seconds of two full runs over those of audits, as they were last measured."""
    folder = cache_folder()
    walls = load_walls(folder, recorded)
    if not walls:
        result.miss("wall_saved", f"measured by the full run only, and none left its figures in {folder}")
        return
    found = ratios(walls)
    worst = min(found, key=lambda drop: found[drop][1] / found[drop][0])
    ours, theirs = found[worst]
    each = ", ".join(f"{b / a:.3g} at a drop of {drop:.0%}" for drop, (a, b) in found.items())
    result.add(
        Figure(
            "wall_saved",
            theirs / ours,
            "ratio",
            ours,
            theirs,
            3.0,
            "higher",
            f"{each} ({CHURN:.0%} lost and gained beside it), the worst counts. {'; '.join(map(told, walls))}. One "
            "vLLM, 32 requests in flight, no prefix caching, nothing cached",
        )
    )


def main() -> None:
    options = arguments(__doc__ or "", more=_options)
    result = Result("audit", options.quick, options.seed)
    stages = set(options.stage or STAGES) - ({"record", "wall"} if options.quick else set())
    sets = [one for one in SETS if options.set is None or one.name in options.set]
    if "wall" in stages:
        timed = [one for one in SETS if one.name in (options.set or WALL_SETS)]
        by_the_clock(timed, range(result.seed, result.seed + options.wall_seeds))
    recorded = _recorded(sets, record="record" in stages)
    wall_saved(result, recorded)
    if "replay" in stages:
        calls_saved(result, recorded)
    if "boundary" in stages:
        at_the_boundary(result)
    finish(result, as_json=options.json)


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--stage", action="append", choices=STAGES, help="only this one; may be repeated")
    parser.add_argument(
        "--set",
        action="extend",
        nargs="+",
        choices=[one.name for one in SETS],
        help=f"only these (by default all, and {', '.join(WALL_SETS)} by the clock)",
    )
    parser.add_argument(
        "--wall-seeds",
        type=int,
        default=WALL_SEEDS,
        help="audits of each drop by the clock (by default %(default)s)",
    )


def _recorded(sets: Sequence[TestSet], *, record: bool) -> list[Recorded]:
    """What there is of base on these sets, recorded first where that was asked for and the data are there."""
    folder, data = cache_folder(), data_folder()
    if record and data is not None:
        from _audit.live import record_missing  # noqa: PLC0415 - loads lm-eval, which a replay does not need

        record_missing(sets, data, folder)
    found = [r for one in sets if (r := load(folder / "base", one, data)) is not None]
    say(f"recorded: {', '.join(f'{r.name} {r.accuracy:.1%} of {len(r.ids)}' for r in found) or 'nothing'}")
    return found


if __name__ == "__main__":
    main()
