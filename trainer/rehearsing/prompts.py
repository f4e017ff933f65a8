"""The prompts that base is to answer: the brief's exemplars, a file of traffic, what base writes, general ones."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import ValidationError

from evaluator.briefs.brief import LoadedBrief
from evaluator.briefs.items import normalised_prompt
from telemetry.errors import UsageError
from telemetry.events import Value
from trainer.data.decontaminate import Protected
from trainer.data.formats import lines_of
from trainer.rehearsing.base_answers import Asking
from trainer.rehearsing.general import GENERAL
from trainer.rehearsing.self_prompts import Prompt, write_prompts

Tag = Callable[[str], str | None]
"""The capability that a prompt belongs to, None where nobody can tell."""

_OVERLAPS = "shares words with a benchmark item"
_KNOWN = "not new"
_ELSEWHERE = "another capability's"


class _Line(Value):
    """A line of the prompts file."""

    capability: str
    prompt: str


class Gathering:
    """Collects prompts, each once, and counts those that are not taken by (capability, reason).

    `written` counts those that base wrote, `overlapping` the exemplars that share words with benchmark items.
    """

    def __init__(self, loaded: LoadedBrief | None, protected: Protected, tag: Tag) -> None:
        self._loaded, self._protected, self._tag = loaded, protected, tag
        self._seen: set[str] = set()
        self.prompts: list[Prompt] = []
        self.dropped: Counter[tuple[str, str]] = Counter()
        self.written: Counter[str] = Counter()
        self.overlapping: Counter[str] = Counter()

    def add_exemplars(self, loaded: LoadedBrief) -> None:
        """The exemplars of every adjacent capability. They may overlap items: the brief says that they are none."""
        for capability in loaded.brief.capabilities:
            if capability.role != "adjacent":
                continue
            for text in capability.exemplars:
                if self._new(text):
                    self.prompts.append(Prompt(capability.name, text))
                    self.overlapping[capability.name] += self._protected.overlap(text, asked=True) is not None

    def add_file(self, path: Path) -> None:
        """The prompts of a JSONL file, the target's left out: base's answers there are what is to change.

        Raises UsageError for a line that is no prompt, BriefError for a capability that the brief does not have.
        """
        target = self._loaded.brief.target.name if self._loaded is not None else None
        for prompt in read_prompts(path):
            if prompt.capability == target:
                continue
            if self._loaded is not None:
                self._loaded.brief.capability(prompt.capability)  # raises where the brief has no such one
            self._take(prompt, self._refuse(prompt))

    def add_written(self, wanted: int, ask: Asking, seed: int) -> None:
        """Up to `wanted` more of each capability, which base writes after those that are there."""
        examples: dict[str, list[str]] = {}
        for prompt in self.prompts:
            examples.setdefault(prompt.capability, []).append(prompt.text)

        def refuse(prompt: Prompt) -> str | None:
            elsewhere = self._tag(prompt.text) not in (prompt.capability, None)
            return _ELSEWHERE if elsewhere else self._refuse(prompt)

        taken, dropped = write_prompts(examples, wanted, ask, refuse, seed)
        self.prompts += taken
        self.written.update(prompt.capability for prompt in taken)
        self.dropped.update({(name, f"prompt {why}"): count for (name, why), count in dropped.items()})

    def add_general(self, wanted: int, shipped: Sequence[str]) -> None:
        """The first `wanted` of the shipped prompts that are new and overlap no item.

        Raises UsageError where fewer ship, and where a capability has their name.
        """
        if wanted > len(shipped):
            raise UsageError(f"rehearsal.general is {wanted}, and {len(shipped)} general prompts ship")
        names = {prompt.capability for prompt in self.prompts}
        if self._loaded is not None:
            names.update(capability.name for capability in self._loaded.brief.capabilities)
        if GENERAL in names:
            raise UsageError(
                f"a capability is called {GENERAL!r}, as the prompts of rehearsal.general are",
                hint="Give the capability another name, or set rehearsal.general to 0.",
            )
        last = len(self.prompts) + wanted
        for text in shipped:
            if len(self.prompts) == last:
                break
            prompt = Prompt(GENERAL, text)
            self._take(prompt, self._refuse(prompt))

    def _take(self, prompt: Prompt, why: str | None) -> None:
        if why is None:
            self.prompts.append(prompt)
        else:
            self.dropped[prompt.capability, f"prompt {why}"] += 1

    def _refuse(self, prompt: Prompt) -> str | None:
        if not self._new(prompt.text):
            return _KNOWN
        return _OVERLAPS if self._protected.overlap(prompt.text, asked=True) is not None else None

    def _new(self, text: str) -> bool:
        normal = normalised_prompt(text).casefold()
        known = normal in self._seen
        self._seen.add(normal)
        return not known


def read_prompts(path: Path) -> list[Prompt]:
    """The prompts of a JSONL file of `{"capability", "prompt"}`; UsageError names the line that is none."""
    if not path.is_file():
        raise UsageError(f"no prompts at {path}", hint="rehearsal.prompts names a JSONL file.")
    prompts = []
    for where, line in lines_of(path):
        try:
            found = _Line.model_validate(json.loads(line))
        except (json.JSONDecodeError, ValidationError) as error:
            raise UsageError(
                f"{where}: not a prompt: {error}", hint='Expected {"capability": "...", "prompt": "..."}.'
            ) from error
        prompts.append(Prompt(found.capability, found.prompt))
    return prompts
