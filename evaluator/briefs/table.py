"""A capability brief as people read it."""

from __future__ import annotations

from typing import Final

from rich.table import Table

from evaluator.briefs.brief import LoadedBrief

_LOSS: Final = "what a user feels at a 15% loss"


def brief_table(loaded: LoadedBrief) -> Table:
    """The capability map: one row a capability, the target named, the critical ones marked."""
    table = Table(box=None, padding=(0, 1))
    for name in ("capability", "share", "allowed drop", "items", _LOSS):
        table.add_column(name, no_wrap=name != _LOSS)
    for c in loaded.brief.capabilities:
        table.add_row(
            f"{c.name.replace('_', ' ')}{' (target)' if c.role == 'target' else ' *' if c.critical else ''}",
            f"{c.share:.0%}",
            f"{100 * c.threshold:.0f} points",
            str(len(loaded.items_of(c.name, "audit"))),
            c.at_15_percent_loss,
        )
    return table
