"""How far it goes: what an interaction costs through the whole path, workers side by side, and where it ends first.

    python bench/scale.py            # some five minutes on two cores
    python bench/scale.py --quick    # shorter runs, under three minutes
    python bench/scale.py --json     # one JSON object on standard output

Real processes behind stub engines, and the broker that the drills find: Apache Kafka by BELAY_KAFKA_LOCAL, else the
embedded one. Engines, client and this benchmark are not counted. The capacity model and its simulation are arithmetic
over what was measured.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from _scale.cpu import load
from _scale.model import Need, Stage, first_limit, need
from _scale.path import RATE, Measured, whole_path
from _scale.simulation import growing, simulate
from _scale.stages import Times, left_behind, watch_stages
from _scale.workers import Drained, drained
from _shape import Figure, Result, arguments, finish, say

from telemetry import topics
from telemetry.bus.kafka_bus import BusSettings, KafkaBus
from tests.drills.brokers import Broker, a_broker, own_namespace
from tests.drills.drill import Drill

RATES = (100.0, 1_000.0, 10_000.0)
GOAL_RATE = 10_000.0
BEYOND = 1.1
SIMULATED = 200_000
WORKERS = (1, 2, 4)
PARTITIONS_MOST = 1_000
"""What `interactions_partitions` may be."""


def main() -> None:
    given = arguments(__doc__ or "")
    result = Result("scale", given.quick, given.seed)
    before = load()
    with (
        tempfile.TemporaryDirectory(prefix="belay-scale-") as folder,
        a_broker(Path(folder) / "kafka") as broker,
    ):
        measured, stages, side_by_side = _measured(broker, Path(folder), result)
    note = f"{broker.what}; {before} before, {load()} after"
    _costs(result, measured, note)
    _side_by_side(result, side_by_side, note)
    _model(result, stages_of(measured, stages), given.seed)
    finish(result, as_json=given.json)


def _measured(
    broker: Broker, folder: Path, result: Result
) -> tuple[Measured, dict[str, Times], list[Drained]]:
    stages: dict[str, Times] = {}
    found: list[Drained] = []

    def then(drill: Drill) -> None:
        interactions = left_behind(drill.bus, topics.INTERACTIONS)
        rollouts = left_behind(drill.bus, topics.ROLLOUTS)
        apart = {**drill.bus_settings, "namespace": own_namespace("scale")}
        say(f"scorer and decider apart, {len(interactions):,} interactions")
        bus = KafkaBus(BusSettings.model_validate(apart))
        stages.update(watch_stages(bus, drill.brief, rollouts, interactions))
        found.extend(
            drained(count, drill.bus_settings, drill.brief, folder, interactions, rollouts)
            for count in WORKERS
        )

    say("the whole path")
    measured = whole_path(broker, 12.0 if result.quick else 60.0, result.seed, then)
    return measured, stages, found


def _costs(result: Result, measured: Measured, note: str) -> None:
    each = {name: measured.each_us(name) for name in measured.cpu_s}
    told = ", ".join(f"{name} {us:.0f}" for name, us in sorted(each.items(), key=lambda one: -one[1]))
    result.add(
        Figure(
            "interactions_per_second_per_core", 1e6 / sum(each.values()), "1/s", sum(each.values()), None, None,
            "higher",
            f"{measured.interactions:,} interactions from the client's request to the fold, {measured.lost} lost; us "
            f"of CPU each: {told}; {RATE:.0f} a second asked for, a fifth streamed, tags by words, nine in ten prompts "
            f"checked by themselves, one by its reference; "
            f"idle costs of the processes over {measured.wall_s:.0f} s are in it; {note}",
        )
    )  # fmt: skip


def _side_by_side(result: Result, found: list[Drained], note: str) -> None:
    one, four = found[0], found[-1]
    told = "; ".join(
        f"{d.workers}: {d.rate:,.0f} a second, {1e6 * d.each_s:.0f} us of CPU each" for d in found
    )
    result.add(
        Figure(
            "scaling_efficiency_4_workers", four.rate / (4 * one.rate), "ratio", four.rate, 4 * one.rate, None,
            "higher",
            f"by the clock over one backlog of 4 partitions; workers {told}. By the clock the "
            f"cores are the limit: four workers, the broker and what else runs share them. A second of CPU scores "
            f"{one.each_s / four.each_s:.2f} of what it does with one worker, which is what is lost by being four; "
            f"{note}",
        )
    )  # fmt: skip


def stages_of(measured: Measured, apart: dict[str, Times]) -> list[Stage]:
    """The path's stages with what was recorded of each."""
    found = [
        Stage(name, measured.windows[name])
        for name in ("router", "forwarder", "broker")
        if name in measured.windows
    ]
    found.append(Stage("scorer", apart["scorer"], most=PARTITIONS_MOST, dealt=True))
    return [*found, Stage("decider", apart["decider"], most=1)]


def _model(result: Result, stages: list[Stage], seed: int) -> None:
    """The model's table, and the simulation that checks it: at the goal, and a tenth beyond the model's end."""
    needs = [need(stages, rate) for rate in RATES]
    say(_table(needs))
    first, count = first_limit(stages), SIMULATED // (4 if result.quick else 1)
    seen = simulate(stages, GOAL_RATE, count, seed)
    over = simulate(stages, BEYOND * first.limit, count, seed)
    told = ", ".join(
        f"{one.name} {one.servers} x {one.busy:.2f}, p99 wait {1e3 * one.p99_wait_s:.1f} ms" for one in seen
    )
    busy = next(one.busy for one in seen if one.name == first.name)
    result.add(
        Figure(
            "simulated_10k_rps_bottleneck", busy, "busy", busy, first.busy(GOAL_RATE), 1.0, "lower",
            f"{first.name}: there can be no more of it, and it ends at {first.limit:,.0f} a second; how busy it is at "
            f"10,000, simulated, theirs by the model. Queues that grow: at 10,000 {_names(growing(seen))}, at "
            f"{BEYOND * first.limit:,.0f} {_names(growing(over))}. Servers x busy at 10,000: {told}. Recorded us of "
            f"CPU, mean (windows): "
            + ", ".join(f"{stage.name} {1e6 * stage.mean_s:.0f} ({len(stage.times)})" for stage in stages),
        )
    )  # fmt: skip


def _names(found: list[str]) -> str:
    return ", ".join(found) or "none"


def _table(needs: list[Need]) -> str:
    """The capacity model as docs/scale.md has it."""
    names = list(needs[0].servers)
    titles = ["requests a second", *names, "cores", "disk, TB", "by gzip", "busiest"]
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for one in needs:
        cells = [f"{one.rate:,.0f}", *(str(one.servers[name]) for name in names), str(one.cores)]
        cells += [f"{one.disk_tb:,.1f}", f"{one.gzip_tb:,.1f}", f"{one.bottleneck}, {one.busy:.0%}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
