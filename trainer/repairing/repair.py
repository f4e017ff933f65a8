"""From the interactions that sank a rollout to what the next training rehearses. Pure.

The decision names the capabilities that fell. What users asked there, the weightiest first, becomes replay prompts:
base answers them, and its answers are rehearsed and are part of what a Fisher is taken on. What the candidate answered
is never learnt from. Text counts only as far as the privacy policy has left it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluator.briefs.items import normalised_prompt
from evaluator.map.advice.mix import KL, SHARE
from evaluator.watch.evidence.decide import RATIO_TEST
from serving.models.manifest import Manifest
from telemetry.errors import SettingsError, UsageError
from telemetry.events import DecisionMade, InteractionRecorded, RolloutSpec, ScoreRecorded
from telemetry.prompts import prompt_of
from trainer.config import RehearsalSettings, TrainSettings
from trainer.rehearsing.self_prompts import Prompt


@dataclass(frozen=True, slots=True)
class Harvest:
    """What a rollout's interactions give to rehearse.

    `prompts` are each once, the weightiest first. Of the `seen` interactions in these capabilities `missing` are in
    the log no more, and `hashed` have no text; `redacted` counts prompts in which placeholders stand for what
    identifies a person.
    """

    capabilities: tuple[str, ...]
    prompts: tuple[Prompt, ...]
    seen: int
    missing: int
    hashed: int
    redacted: int


def fallen(spec: RolloutSpec, decision: DecisionMade) -> tuple[str, ...]:
    """The adjacent capabilities that a decision to roll back blames; where the drop is spread, those with evidence.

    Raises UsageError, with the decision's own reason, where training could not have prevented it.
    """
    if decision.action != "roll_back":
        raise UsageError(
            f"decision {decision.event_id} is to {decision.action}: there is nothing to repair",
            hint="Give a rollout that was rolled back, or the decision that did it.",
        )
    adjacent = [c.name for c in spec.capabilities if c.role == "adjacent"]
    blamed = [name for name in decision.proof.blamed if name in adjacent]
    spread = [e.capability for e in decision.proof.evidence if e.e_value > 1.0 and e.capability in adjacent]
    elsewhere = decision.proof.blamed or decision.proof.test == RATIO_TEST
    found = blamed or ([] if elsewhere else spread)
    if not found:
        raise UsageError(
            f"rollout {spec.rollout_id} was rolled back for what no rehearsal repairs: {decision.reason}",
            hint="Repair is for drops in adjacent capabilities. Look at the assignment, the engine, the target's data.",
        )
    return tuple(found)


def harvest(
    spec: RolloutSpec,
    decision: DecisionMade,
    scores: Sequence[ScoreRecorded],
    interactions: Mapping[str, InteractionRecorded],
    limit: int,
) -> Harvest:
    """At most `limit` prompts a capability out of `scores`, those that the decision read, in their order.

    First those that weighed most, then those that the candidate lost, then the rest, which base may need as well.
    `interactions` are by event id. Raises UsageError where no text is left, and says why.
    """
    capabilities = fallen(spec, decision)
    mine = [score for score in scores if score.capability in capabilities and score.corrects is None]
    known = [(s, interactions[s.interaction_id]) for s in mine if s.interaction_id in interactions]
    readable = [(score, one) for score, one in known if one.text_policy != "hashed"]
    weight = {interaction: -place for place, interaction in enumerate(reversed(decision.proof.heaviest))}
    readable.sort(key=lambda pair: (weight.get(pair[0].interaction_id, 1), not _lost(pair[0])))
    taken: dict[tuple[str, str], Prompt] = {}
    redacted = 0
    for score, one in readable:
        text, name = prompt_of(one), score.capability or ""
        key = (name, normalised_prompt(text))
        if text and key not in taken and sum(p.capability == name for p in taken.values()) < limit:
            taken[key] = Prompt(name, text)
            redacted += one.text_policy == "redacted"
    found = Harvest(
        capabilities=capabilities,
        prompts=tuple(taken.values()),
        seen=len(mine),
        missing=len(mine) - len(known),
        hashed=len(known) - len(readable),
        redacted=redacted,
    )
    if not found.prompts:
        raise UsageError(f"nothing of {', '.join(capabilities)} can be rehearsed: {_why_nothing(found)}")
    return found


def settings_of(manifest: Manifest, base: Path, data: Path, brief: Path, output: Path) -> TrainSettings:
    """The settings that a candidate was made with, with files in the place of their hashes.

    Raises SettingsError where they named files besides the target's data, which nobody but the author can find.
    """
    found: dict[str, Any] = dict(manifest.settings)
    rehearsed = (found.get("rehearsal") or {}).get("prompts")
    if found.get("mix") or rehearsed is not None:
        raise SettingsError(
            f"candidate {manifest.name} was trained on files besides the target's data, which its manifest knows by "
            "hash only",
            hint="Give the settings that it was trained with: --run run.yaml.",
        )
    found |= {"base": base, "data": data, "brief": brief, "output": output}
    return TrainSettings.model_validate(found)


def repaired(
    settings: TrainSettings, prompts: Path, output: Path, name: str, max_tokens: int
) -> TrainSettings:
    """The same training with `prompts` rehearsed, beside the exemplars of every adjacent capability.

    Where nothing was rehearsed, rehearsal gets a third of what mixing leaves, by the divergence from base alone, as
    bench/retention.py found best, and answers of at most `max_tokens` tokens: as many as the brief's longest have.
    """
    before = settings.rehearsal
    if before is None:
        left = 1.0 - sum(source.share for source in settings.mix)
        before = RehearsalSettings(share=left * SHARE, kl=KL, learn=False, max_new_tokens=max_tokens)
    return settings.model_copy(
        update={
            # Where general prompts alone were rehearsed, the file would leave capabilities without any.
            "rehearsal": before.model_copy(
                update={"prompts": prompts, "exemplars": before.exemplars or not before.named}
            ),
            "output": output,
            "name": name,
        }
    )


def _lost(score: ScoreRecorded) -> bool:
    """Whether the candidate's answer was not right, whoever was served."""
    on_candidate = score.assignment.arm == "candidate"
    value = score.value if on_candidate else score.other_value
    return value is not None and value < 1.0


def _why_nothing(found: Harvest) -> str:
    if found.seen == 0:
        return "the log holds no score of it any more"
    if found.hashed:
        return (
            f"the text of {found.hashed} interactions is hashed, as the privacy policy wants it, so nobody can say "
            "what was asked; rehearse the brief's exemplars instead (rehearsal in run.yaml), or record under 'redacted'"
        )
    return f"the log holds none of the {found.seen} interactions any more"
