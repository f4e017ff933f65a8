"""What the clock said of each set, as it is kept and told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from _audit.recorded import Recorded
from telemetry.files import write_renamed


@dataclass(frozen=True, slots=True)
class Audited:
    """One audit by the clock: the planted drop, seconds, items asked of each arm, the verdict.

    `seed` draws the plant and the order of the items. `theirs` is what the paired z-test says of the two full runs
    under the same plant.
    """

    drop: float
    seed: int
    seconds: float
    items: int
    verdict: str
    theirs: str


@dataclass(frozen=True, slots=True)
class Wall:
    """One set by the clock: two full runs, base's and candidate's, then audits of it, all on one engine.

    `differing` is the fraction of items that the two runs of the same model scored differently: what an engine's
    batching alone does, before anything is planted.
    """

    name: str
    fingerprint: str
    items: int
    full_s: tuple[float, float]
    differing: float
    audits: tuple[Audited, ...]
    churn: float
    conditions: str


def write_wall(wall: Wall, folder: Path) -> None:
    """Keep what was measured of a set, in the place of what was there of it."""
    (folder / "wall").mkdir(parents=True, exist_ok=True)
    write_renamed(folder / "wall" / f"{wall.name}.json", json.dumps(asdict(wall)).encode())


def load_walls(folder: Path, recorded: Sequence[Recorded]) -> list[Wall]:
    """What was measured by the clock of these sets, where they are still what they were."""
    found = []
    for r in recorded:
        file = folder / "wall" / f"{r.name}.json"
        wall = _read(file) if file.is_file() else None
        if wall is not None and wall.fingerprint == r.fingerprint:
            found.append(wall)
    return found


def _read(file: Path) -> Wall | None:
    """None where it was kept before audits had seeds: what is not known of them is not quoted."""
    kept = json.loads(file.read_bytes())
    if any("seed" not in one for one in kept["audits"]):
        return None
    kept["audits"] = tuple(Audited(**one) for one in kept["audits"])
    return Wall(**{**kept, "full_s": tuple(kept["full_s"])})


def ratios(walls: Sequence[Wall]) -> dict[float, tuple[float, float]]:
    """By drop: seconds of the audits, and of two full runs, over all sets in which that drop was planted."""
    found: dict[float, tuple[float, float]] = {}
    for wall in walls:
        for a in wall.audits:
            ours, theirs = found.get(a.drop, (0.0, 0.0))
            found[a.drop] = (ours + a.seconds, theirs + sum(wall.full_s))
    return found


def told(wall: Wall) -> str:
    """One set in a figure's note."""
    drops = dict.fromkeys(a.drop for a in wall.audits)
    audits = "; ".join(_told([a for a in wall.audits if a.drop == drop]) for drop in drops)
    return (
        f"{wall.name}: full runs {wall.full_s[0]:.0f} + {wall.full_s[1]:.0f} s for {wall.items} items, "
        f"{wall.differing:.1%} of which the same model scored differently; audits by seed (ours/paired z) {audits}; "
        f"{wall.conditions}"
    )


def _told(audits: Sequence[Audited]) -> str:
    each = ", ".join(f"{a.seconds:.0f} s {a.items} items {a.verdict}/{a.theirs}" for a in audits)
    return f"{audits[0].drop:.0%}: {each}"
