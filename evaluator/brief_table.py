"""A capability brief as people read it, and what is weak in one that loads."""

from __future__ import annotations

from typing import Final

from rich.table import Table

from evaluator.brief import Capability, LoadedBrief
from evaluator.brief_draft import items_for
from evaluator.verifiers import VERIFIERS

FEW_EXEMPLARS: Final = 10
"""Fewer prompts than this teach the tagger little: taught by 3 of each capability it leaves 28% of the shipped
brief's items untagged, by 10 7%, by 20 1.5%, by the 40 of that brief 0.3%."""
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


def weaknesses(loaded: LoadedBrief) -> list[str]:
    """What a reviewer should know of a brief that loads: where it can be used, and still says too little."""
    found = [line for c in loaded.brief.capabilities for line in _weaknesses_of(c, loaded)]
    if loaded.brief.target.kind is None:
        found.append(
            f"{loaded.brief.target.name}: no 'kind', so `belay advise` cannot tell whether to fine-tune or to retrieve"
        )
    return found


def _weaknesses_of(capability: Capability, loaded: LoadedBrief) -> list[str]:
    name, found = capability.name, []
    asked = loaded.items_of(name, "audit")
    needed = items_for(capability.threshold)
    if not asked:
        found.append(f"{name}: no item with split 'audit': neither baseline nor audit can say anything of it")
    elif len(asked) < needed and not capability.benchmarks:
        found.append(
            f"{name}: {len(asked)} audit items; a pass at {100 * capability.threshold:g} points takes at least "
            f"{needed}, so that the audit will be inconclusive"
        )
    if all(item.split == "audit" for item in loaded.items[name]):
        found.append(
            f"{name}: audit items only, so that no sweep, checkpoint or merge search can ask about it"
        )
    judge = capability.judge
    if judge.verifier is not None:
        verify = VERIFIERS[judge.verifier]
        mute = [i.id for i in asked if verify("x", i.reference, i.prompt, judge.options).value is None]
        if mute:
            found.append(
                f"{name}: {judge.verifier} cannot judge {len(mute)} audit items, such as {mute[0]!r}"
            )
    if len(capability.exemplars) < FEW_EXEMPLARS:
        found.append(
            f"{name}: {len(capability.exemplars)} exemplars; the tagger learns little from fewer than {FEW_EXEMPLARS}"
        )
    if not capability.quality:
        found.append(f"{name}: no 'quality': nobody says how good the answers have to stay")
    return found
