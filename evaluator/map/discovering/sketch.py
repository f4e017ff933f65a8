"""The brief that a discovery becomes, and the files beside it: it loads, and says what people have to review."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from evaluator.briefs.items import made_id, normalised_prompt
from evaluator.briefs.schema import PROPOSED
from evaluator.map.discovering.checks import Check
from evaluator.map.discovering.discovery import Discovery, Found, Prompt
from evaluator.map.discovering.naming import OTHER_NAME

THRESHOLD: Final = 0.10
TRAINING: Final = "train.jsonl"
_TUNING: Final = 4
"""Every so manieth item is kept for tuning; the audit asks the others."""
_LONGEST_ANSWER: Final = 4_000
_TOKENS: Final = (32, 1_024)
_WORDS_TO_TOKENS: Final = 1.5
# What splitlines and JSON disagree about; escaped, a line stays a line for every reader.
_SEPARATORS: Final = re.compile("[\u0085\u2028\u2029]")


def brief_of(found: Discovery, name: str, source: str, system: str | None) -> dict[str, Any]:
    """The brief by its own keys. The heaviest capability is taken for the target until somebody says otherwise."""
    top: dict[str, Any] = {
        "name": name,
        "version": "1",
        "owner": f"{PROPOSED} who is asked when a threshold is in the way?",
        "summary": f"{PROPOSED} made from {source}: {found.prompts:,} different prompts. What is the model for?",
    }
    if system is not None:
        top["system_prompt"] = system
    top["training"] = TRAINING
    named = [one for one in found.capabilities if one.name != OTHER_NAME] or list(found.capabilities)
    return top | {"capabilities": [_capability(one, target=one is named[0]) for one in found.capabilities]}


def notes_of(found: Discovery) -> dict[str, str]:
    """What the brief's comments say of each place that nobody decided, by `capability.key`."""
    notes = {}
    for one in found.capabilities:
        notes[f"{one.name}.role"] = "Assumed: the heaviest group is the target. Exactly one is; say which."
        notes[f"{one.name}.share"] = f"Measured: {one.queries:,} queries, no subject above its part."
        notes[f"{one.name}.threshold"] = "The usual one; nobody decided it yet."
        notes[f"{one.name}.judge"] = (
            "The usual one: it needs references. An endpoint may suit better."
            if one.check.verifier == "contains_answer"
            else "Proposed: most of its prompts ask for this themselves."
        )
    first = found.capabilities[0].name
    return {
        key: note for key, note in notes.items() if key.startswith(f"{first}.") or not key.endswith(".role")
    }


def files_of(found: Discovery) -> dict[str, str]:
    """The files that the brief names, by name: exemplars, items, and training dialogues, none of them yet."""
    files = {TRAINING: ""}
    for one in found.capabilities:
        files[f"exemplars/{one.name}.txt"] = "".join(
            f"{normalised_prompt(prompt.text)}\n" for prompt in one.exemplars
        )
        lines = [_item(one, at, prompt) for at, prompt in enumerate(one.items)]
        files[f"items/{one.name}.jsonl"] = "".join(f"{line}\n" for line in lines)
    return files


def common_system(found: Sequence[str | None]) -> str | None:
    """The system prompt that every request carried; None where they carried none, or not all the same."""
    return found[0] if found and found[0] and all(one == found[0] for one in found) else None


def _capability(one: Found, *, target: bool) -> dict[str, Any]:
    options = {"options": one.check.options} if one.check.options else {}
    return {
        "name": one.name,
        "role": "target" if target else "adjacent",
        "why": f"{PROPOSED} {one.queries:,} queries of the traffic ask like this. Who relies on it, and for what?",
        "share": max(round(one.share, 4), 0.0001),
        "at_5_percent_loss": f"{PROPOSED} what does a user feel when 5 of 100 such answers get worse?",
        "at_15_percent_loss": f"{PROPOSED} and when 15 of 100 do?",
        "threshold": THRESHOLD,
        "items": f"items/{one.name}.jsonl",
        "exemplars": f"exemplars/{one.name}.txt",
        "judge": {"verifier": one.check.verifier} | options,
        "max_tokens": _max_tokens(one.prompts),
    }


def _max_tokens(prompts: Sequence[Prompt]) -> int:
    """Room for 95 of 100 of the answers that were served, in a step of 32; 256 where none is known."""
    answers = (one.first.exchange.answer for one in prompts)
    lengths = sorted(_WORDS_TO_TOKENS * len(answer.split()) for answer in answers if answer)
    if not lengths:
        return 256
    least, most = _TOKENS
    return max(least, min(most, 32 * (int(lengths[int(0.95 * (len(lengths) - 1))]) // 32 + 1)))


def _item(one: Found, at: int, prompt: Prompt) -> str:
    row: dict[str, Any] = {"id": made_id(one.name, prompt.text), "prompt": prompt.text}
    row["reference"], proposed = _reference(one.check, one.checks[at], prompt)
    if proposed is not None:
        row["proposed"] = proposed
    row["split"] = "tuning" if at % _TUNING == _TUNING - 1 else "audit"
    return _SEPARATORS.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(row, ensure_ascii=False))


def _reference(of_all: Check, own: Check | None, prompt: Prompt) -> tuple[Any, Any]:
    """The reference that the prompt gives, and the one that somebody has to confirm: what was served."""
    if own is not None and (own.verifier, own.options) == (of_all.verifier, of_all.options):
        if own.reference is not None or of_all.verifier == "one_sentence":
            return own.reference, None
        if own.proposed is not None:
            return None, own.proposed
    answer = prompt.first.exchange.answer
    return None, answer if answer and len(answer) <= _LONGEST_ANSWER else None
