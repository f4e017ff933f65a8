"""What a repair did: as it is kept, and as a table."""

from __future__ import annotations

from rich.table import Table

from telemetry.events import Value
from trainer.repairing.repair import Harvest

BEFORE, AFTER = "before", "after"


class RepairedCapability(Value):
    """One capability before and after."""

    name: str
    role: str
    repaired: bool
    threshold: float
    n: int
    base: float | None
    before: float | None
    after: float | None


class Repair(Value):
    """What a repair did, as `repair.json` keeps it. `unreadable` records were passed over, whoever's they were."""

    rollout_id: str
    decision_id: str
    reason: str
    capabilities: tuple[str, ...]
    prompts: int
    seen: int
    missing: int
    unreadable: int
    hashed: int
    redacted: int
    before: str
    after: str
    scores: tuple[RepairedCapability, ...]


def told(found: Harvest) -> list[str]:
    """What was gathered and what was not, in words."""
    names = ", ".join(found.capabilities)
    lines = [f"{len(found.prompts)} prompts of {names} to rehearse, from {found.seen} interactions"]
    if found.redacted:
        lines.append(
            f"{found.redacted} of the prompts are redacted: placeholders stand where they named somebody"
        )
    if found.hashed:
        lines.append(f"{found.hashed} interactions are left out: their text is hashed")
    if found.missing:
        lines.append(f"{found.missing} interactions are in the log no more")
    return lines


def table(result: Repair) -> Table:
    """Base, before and after, a line a capability."""
    shown = Table(box=None, padding=(0, 1))
    for name in ("capability", "items", "base", BEFORE, AFTER, "allowed drop", ""):
        shown.add_column(name, justify="left" if name in ("capability", "") else "right")
    for c in result.scores:
        fell = c.base is not None and c.after is not None and c.base - c.after > c.threshold
        note = "repaired" if c.repaired and not fell else "[bold red]still beyond it[/]" if fell else ""
        scores = [_percent(score) for score in (c.base, c.before, c.after)]
        role = " (target)" if c.role == "target" else ""
        shown.add_row(
            f"{c.name.replace('_', ' ')}{role}", str(c.n), *scores, f"{100 * c.threshold:.0f} points", note
        )
    return shown


def _percent(score: float | None) -> str:
    return "cannot tell" if score is None else f"{score:.0%}"
