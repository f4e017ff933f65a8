"""Self-synthesized rehearsal: base answers prompts of each adjacent capability, and its answers are replayed.

Every capability is rehearsed alike, whatever its share of the traffic, and also where base is at the floor: what is
kept is base's behaviour, right or wrong. A wrong answer of base teaches nothing new, it only holds the weights where
they are; whereas a capability left out falls unseen (addition fell from 40 to 5% where only others were rehearsed).
General prompts stand for those that no brief names.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from evaluator.audit.benchmarks.texts import brief_texts
from evaluator.briefs.brief import LoadedBrief
from telemetry.errors import UsageError
from telemetry.events import Message
from trainer.config import DecontaminationSettings, RehearsalSettings, TrainSettings
from trainer.data.decontaminate import Protected
from trainer.data.dialogues import Dialogue, Source
from trainer.rehearsing.base_answers import Asking
from trainer.rehearsing.degenerate import degenerate
from trainer.rehearsing.general import GENERAL, shipped_prompts
from trainer.rehearsing.prompts import Gathering, Tag

PREFIX: Final = "rehearsal/"
"""Before the capability's name in the names of sources."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What is rehearsed, and its share of every batch. All mappings are by capability; `shares` add up to it.

    `written` counts the prompts among them that base wrote itself. `dropped` counts prompts and answers by reason.
    `overlapping` counts exemplars that share words with items: those are kept, since the brief's author put them
    beside each other, and only told.
    """

    shares: Mapping[str, float]
    dialogues: Mapping[str, tuple[Dialogue, ...]]
    written: Mapping[str, int]
    dropped: Mapping[str, Mapping[str, int]]
    overlapping: Mapping[str, int]

    @property
    def sources(self) -> list[Source]:
        """One source for each capability."""
        return [
            Source(
                name=f"{PREFIX}{capability}",
                share=self.shares[capability],
                dialogues=dialogues,
                sha256=_content_sha256(dialogues),
                rehearsed=True,
            )
            for capability, dialogues in self.dialogues.items()
        ]

    def to_json(self) -> dict[str, Any]:
        """What was kept and what was not, by capability, as JSON holds it."""
        return {
            capability: {
                "answers": len(dialogues),
                "cut": sum(dialogue.cut for dialogue in dialogues),
                "written_by_base": self.written.get(capability, 0),
                "dropped": dict(self.dropped.get(capability, {})),
                "exemplars_like_items": self.overlapping.get(capability, 0),
            }
            for capability, dialogues in self.dialogues.items()
        }


def rehearse_for(settings: TrainSettings, loaded: LoadedBrief | None, ask: Asking) -> Rehearsal | None:
    """What a training with these settings rehearses; None where they ask for none. Raises as `rehearse`.

    Prompts of a file come from traffic, so that the brief's items of this split are no reason to drop them.
    """
    if settings.rehearsal is None:
        return None
    own = settings.rehearsal.prompts is None
    texts = brief_texts(loaded, traffic=own) if loaded is not None else iter(())
    protected = Protected(texts, settings.decontaminate or DecontaminationSettings())
    return rehearse(
        settings.rehearsal, loaded, protected, ask, _tag(settings.rehearsal, loaded), settings.seed
    )


def rehearse(
    settings: RehearsalSettings,
    loaded: LoadedBrief | None,
    protected: Protected,
    ask: Asking,
    tag: Tag,
    seed: int,
) -> Rehearsal:
    """Gather prompts, let base write more, and let base answer all of them, as the brief's audit would ask.

    Prompts from the file, those that base wrote and general ones are dropped where they overlap a benchmark item or
    are known already; answers where they are empty or loop. An answer that its limit cut off is kept and learnt
    without an end.

    Raises UsageError where there are no prompts, and where a capability is left with no answer: it would be forgotten.
    With a brief that goes for each of its adjacent capabilities, unless general prompts alone are rehearsed.
    """
    gathering = _gathered(settings, loaded, protected, ask, tag, seed)
    prompts = gathering.prompts
    system = loaded.brief.system_prompt if loaded is not None else None
    turns = [_asked(prompt.text, system) for prompt in prompts]
    answers = ask(turns, settings.max_new_tokens)
    wanted = [*_adjacent(settings, loaded), *(prompt.capability for prompt in prompts)]
    general = [GENERAL] if settings.general else []
    dialogues: dict[str, list[Dialogue]] = {name: [] for name in (*wanted, *general)}
    for prompt, asked, answer in zip(prompts, turns, answers, strict=True):
        why = degenerate(answer.text)
        if why is None:
            said = Message(role="assistant", content=answer.text)
            dialogues[prompt.capability].append(Dialogue(messages=(*asked, said), cut=not answer.ended))
        else:
            gathering.dropped[prompt.capability, f"answer {why}"] += 1
    _require_all(dialogues, gathering.dropped)
    named = [name for name in dialogues if name not in general]
    return Rehearsal(
        shares=shares_of(named, settings.share, settings.general_share if general else 0.0),
        dialogues={capability: tuple(found) for capability, found in dialogues.items()},
        written=dict(gathering.written),
        dropped=_by_capability(gathering.dropped),
        overlapping=dict(gathering.overlapping),
    )


def shares_of(named: Sequence[str], share: float, general_share: float) -> dict[str, float]:
    """Each one's part of a batch, of which `share` is rehearsal.

    General prompts, where there are any, have `general_share` of that, and all of it where no capability is `named`;
    these divide the rest evenly.

    >>> shares_of(("sums", "lists"), 0.5, 0.2)
    {'sums': 0.2, 'lists': 0.2, 'general': 0.1}
    """
    if not named:
        return {GENERAL: share}
    found = dict.fromkeys(named, share * (1.0 - general_share) / len(named))
    return found | {GENERAL: share * general_share} if general_share else found


def _gathered(
    settings: RehearsalSettings,
    loaded: LoadedBrief | None,
    protected: Protected,
    ask: Asking,
    tag: Tag,
    seed: int,
) -> Gathering:
    gathering = Gathering(loaded, protected, tag)
    if settings.exemplars and loaded is not None:
        gathering.add_exemplars(loaded)
    if settings.prompts is not None:
        gathering.add_file(settings.prompts)
    if settings.named and not gathering.prompts:
        raise UsageError(
            "there is no prompt to rehearse", hint="Give rehearsal.prompts, or a brief with exemplars."
        )
    if settings.self_generated:
        gathering.add_written(settings.self_generated, ask, seed)
    if settings.general:
        gathering.add_general(settings.general, shipped_prompts())
    return gathering


def _adjacent(settings: RehearsalSettings, loaded: LoadedBrief | None) -> list[str]:
    """The capabilities that have to be rehearsed: none where general prompts stand for all."""
    if loaded is None or not settings.named:
        return []
    return [c.name for c in loaded.brief.capabilities if c.role == "adjacent"]


def _tag(settings: RehearsalSettings, loaded: LoadedBrief | None) -> Tag:
    """The brief's own tagger; nobody can tell where there is no brief, and nobody asks where base writes nothing."""
    if loaded is None or not settings.self_generated:
        return lambda _: None
    from evaluator.judge.tagging.tagger import Tagger  # noqa: PLC0415 - brings scikit-learn, which only this needs

    tagger = Tagger.fit(loaded)
    return lambda prompt: tagger.tag([prompt])[0].capability


def _asked(prompt: str, system: str | None) -> tuple[Message, ...]:
    before = (Message(role="system", content=system),) if system else ()
    return (*before, Message(role="user", content=prompt))


def _require_all(dialogues: Mapping[str, Sequence[Dialogue]], dropped: Mapping[tuple[str, str], int]) -> None:
    for capability, found in dialogues.items():
        if not found:
            why = ", ".join(
                f"{count} {reason}" for (name, reason), count in dropped.items() if name == capability
            )
            raise UsageError(
                f"there is nothing of {capability!r} to rehearse: {why or 'it has no prompt'}",
                hint="Give it more exemplars, or prompts that base answers.",
            )


def _by_capability(dropped: Mapping[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (capability, reason), count in sorted(dropped.items()):
        found.setdefault(capability, {})[reason] = count
    return found


def _content_sha256(dialogues: Sequence[Dialogue]) -> str:
    said = json.dumps([dialogue.model_dump(mode="json") for dialogue in dialogues], ensure_ascii=True)
    return hashlib.sha256(said.encode()).hexdigest()
