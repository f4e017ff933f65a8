"""What is weak in a capability brief that loads: where it can be used, and still says too little."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from evaluator.audit.diff.item_order import ordered_draws
from evaluator.audit.diff.paired import pairs_to_pass
from evaluator.audit.diff.settings import GateSettings
from evaluator.audit.measures.measure import MeasureItem
from evaluator.audit.terms import Thresholds, thresholds_of
from evaluator.briefs.brief import Capability, Item, LoadedBrief
from evaluator.briefs.schema import PROPOSED
from evaluator.judge.judges.suite import program_findings
from evaluator.verifiers import VERIFIERS

_SENTENCES: Final = ("why", "quality", "at_5_percent_loss", "at_15_percent_loss")
FEW_EXEMPLARS: Final = 10
"""Fewer prompts than this teach the tagger little: taught by 3 of each capability it leaves 28% of the shipped
brief's items untagged, by 10 7%, by 20 1.5%, by the 40 of that brief 0.3%."""


def weaknesses(loaded: LoadedBrief) -> list[str]:
    """What a reviewer should know of it, a line each.

    Judges that are programs are shown the judge suite, as their errors move what a pass takes. Raises BriefError
    where its file cannot be used.
    """
    judges = program_findings(loaded)
    found = [
        line
        for c in loaded.brief.capabilities
        for line in (
            *_too_few(c, loaded.items_of(c.name, "audit"), thresholds_of(c.threshold, judges.get(c.name))),
            *_weaknesses_of(c, loaded),
        )
    ]
    found += [
        f"the brief: {key} is still to be reviewed"
        for key in ("owner", "summary")
        if getattr(loaded.brief, key).startswith(PROPOSED)
    ]
    if loaded.training_file.is_file() and not loaded.training_file.stat().st_size:
        found.append(
            f"the brief: {loaded.brief.training} holds no dialogue yet, so that nothing can be trained"
        )
    if loaded.brief.target.kind is None:
        found.append(
            f"{loaded.brief.target.name}: no 'kind', so `belay advise` cannot tell whether to fine-tune or to retrieve"
        )
    return found


def _too_few(capability: Capability, asked: Sequence[Item], tested: Thresholds) -> list[str]:
    """Why no candidate that stayed as base is could pass, at the gate's usual settings."""
    name, points = capability.name, f"{100 * capability.threshold:g} points"
    if not asked:
        return [f"{name}: no item with split 'audit': neither baseline nor audit can say anything of it"]
    if (why := tested.unable or tested.no_pass) is not None:
        return [f"{name}: nothing can pass at {points}: {why}"]
    settings = GateSettings()
    needed = pairs_to_pass(tested.pass_within or capability.threshold, settings.alpha_pass)
    draws = len(ordered_draws([MeasureItem(i.id, i.cluster) for i in asked], settings.seed, name))
    if draws >= needed:
        return []
    has = f"{len(asked)} audit items" + (f", by their clusters {draws} draws" if draws < len(asked) else "")
    errs = ", as its judge may err" if tested.pass_within != capability.threshold else ""
    passes = f"even a candidate that changes nothing passes at {points} only with {needed}{errs}"
    return [f"{name}: {has}; {passes}: the audit will be inconclusive"]


def _weaknesses_of(capability: Capability, loaded: LoadedBrief) -> list[str]:
    name, found = capability.name, []
    if gave := loaded.borrowed.get(name):
        found.append(f"{name}: no exemplars, so {gave} of its items teach the tagger and are asked by nobody")
    if unread := [i.id for i in loaded.items[name] if i.reference is None and i.proposed is not None]:
        found.append(
            f"{name}: {len(unread)} items have a reference that is only proposed, such as {unread[0]!r}: move what is "
            "right from 'proposed' to 'reference'"
        )
    if unsaid := [key for key in _SENTENCES if getattr(capability, key).startswith(PROPOSED)]:
        found.append(
            f"{name}: {', '.join(unsaid)} written by a program, to be reviewed: say it in your own words"
        )
    asked = loaded.items_of(name, "audit")
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
