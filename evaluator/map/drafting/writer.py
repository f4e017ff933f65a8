"""A brief as a file that people review: every key explained where it first stands, and skeletons of what it names."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Any, Final

import yaml

from evaluator.briefs.schema import UNFILLED
from evaluator.map.drafting.draft import items_for
from telemetry.events import Value

_WIDTH: Final = 110
_TOP: Final = {
    "name": "how audits and runs are called",
    "version": "raise it when what users rely on changes",
    "owner": "who is asked when a threshold is in the way",
    "system_prompt": "every request carries it; the audit sends it too",
    "training": 'dialogues of the target, one a line: {"messages": [{"role": ..., "content": ...}, ...]}',
    "lm_eval_tasks": "a folder of lm-eval task files of your own",
    "mt_bench_questions": "MT-Bench's question.jsonl",
    "judge_suite": "answers known to be good or bad, which the judge must still tell apart",
}
_CAPABILITY: Final = {
    "role": "target: what the fine-tuning is for, exactly one; adjacent: what must survive it",
    "why": "who relies on it, and for what",
    "quality": "how good the answers have to stay",
    "kind": "what a good answer mostly takes: knowledge, reasoning, reading, format, style, code",
    "facts_change": "never, yearly, monthly, weekly, daily; for `belay advise`",
    "cites": "whether an answer has to name its source; for `belay advise`",
    "share": "fraction of the queries; all shares add up to 1. `belay map measure --write` counts them",
    "at_5_percent_loss": "what a user feels when 5 of 100 answers get worse",
    "at_15_percent_loss": "... and 15 of 100; these two lines are where the threshold comes from",
    "threshold": "the largest drop tolerated, in points on [0, 1]",
    "critical": "true where a loss is an incident, no nuisance",
    "chance": "what guessing scores; a base that is no better is at the floor",
    "items": 'test items, one a line: {"id": ..., "prompt": ..., "reference": ..., "split": "audit" or "tuning"}',
    "exemplars": "prompts as users write them, one a line, 20 or more; none may be an item",
    "judge": "the program that scores an answer, with its options, or a model at an endpoint",
    "max_tokens": "how long an answer may get",
    "benchmarks": "lm-eval tasks and MT-Bench categories that measure it besides the items",
}
REFERENCES: Final[Mapping[str, Any]] = {
    "contains_answer": "the answer, or a list of answers that are right",
    "extraction": "exactly what is to be extracted",
    "json_keys": {"name": "Anna", "age": 34},
    "label": None,
    "list_of": {"n": 3, "style": "numbered"},
    "number": 12,
    "one_sentence": "The text that is summed up.",
    "python_parses": {"function": "add", "arguments": 2, "contains": ["return"]},
    "support_reply": {"facts": ["within 14 days"], "desk": "Returns desk"},
}
"""What each verifier takes as an item's reference, for the example line; a label's is the first of the labels."""


class Skeleton(Value):
    """A file that a brief names and that is not there yet: its name beside the brief, its text."""

    name: str
    text: str


def brief_text(brief: Mapping[str, Any], assumed: Mapping[str, str] | None = None) -> str:
    """The brief as YAML. `assumed` has a note for each place (`facts.share`) that nobody decided.

    Read back by a YAML parser it says exactly what `brief` says.
    """
    notes = assumed or {}
    lines = _comment(
        "What the users of one model rely on, written before any score is seen. Belay's audit, its rollouts and its "
        f"advice follow from this file. Review it as you review code. {UNFILLED} stands where somebody has still to "
        "decide; `belay brief check` lists what is left."
    )
    for key, value in brief.items():
        if key != "capabilities":
            lines += ["", *_comment(_TOP[key])] if key in _TOP else [""]
            lines += _entry(key, value, "")
    lines += ["", "capabilities:"]
    explained: set[str] = set()
    for capability in brief["capabilities"]:
        lines += [*_of(capability, explained, notes), ""]
    return "\n".join(lines).rstrip() + "\n"


def _of(capability: Mapping[str, Any], explained: set[str], notes: Mapping[str, str]) -> Iterator[str]:
    """The lines of one capability; a key is explained where it stands for the first time."""
    start = "  - "
    for key, value in capability.items():
        if key in _CAPABILITY and key not in explained:
            explained.add(key)
            yield from (f"    {line}" for line in _comment(_CAPABILITY[key]))
        if note := notes.get(f"{capability['name']}.{key}"):
            yield from (f"    {line}" for line in _comment(note))
        first, *more = _entry(key, value, "    ")
        yield start + first[len(start) :]
        yield from more
        start = "    "


def _entry(key: str, value: Any, indent: str) -> list[str]:
    """One key with its value, in the width of a page."""
    text = yaml.safe_dump({key: value}, sort_keys=False, allow_unicode=True, width=_WIDTH - len(indent))
    return [f"{indent}{line}" if line else line for line in text.rstrip("\n").split("\n")]


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in wrap(text, _WIDTH - 6, break_long_words=False, break_on_hyphens=False)]


def assumed_of(given: Mapping[str, Any], made: Mapping[str, Any]) -> dict[str, str]:
    """Notes for the places that nobody decided: which default stands there, and why. By `capability.key`."""
    notes = {}
    for before, after in zip(given["capabilities"], made["capabilities"], strict=True):
        name = after["name"]
        if before.get("share") is None:
            notes[f"{name}.share"] = "Assumed: what the others leave, split evenly. Measure it."
        if "threshold" not in before:
            notes[f"{name}.threshold"] = "The usual one; nobody decided it yet."
        if isinstance(after["threshold"], float) and (least := items_for(after["threshold"])):
            notes.setdefault(
                f"{name}.items",
                f"Even a candidate that changes nothing passes this threshold only with {least} of them.",
            )
    return notes


def skeletons(brief: Mapping[str, Any]) -> list[Skeleton]:
    """The files of items and exemplars that a brief names, each with one example line, which does not count."""
    found = []
    for capability in brief["capabilities"]:
        if isinstance(capability["items"], str):
            found.append(Skeleton(name=capability["items"], text=_item(capability)))
        if isinstance(capability["exemplars"], str):
            example = f"{UNFILLED}: a prompt as users write it; one a line\n"
            found.append(Skeleton(name=capability["exemplars"], text=example))
    return found


def _item(capability: Mapping[str, Any]) -> str:
    judge = capability["judge"]
    verifier = judge.get("verifier")
    reference = REFERENCES.get(verifier)
    if verifier == "label":
        reference = next(iter(judge.get("options", {}).get("labels", [])), None)
    item = {"id": f"{capability['name']}-1", "prompt": f"{UNFILLED}: a question as users ask it"}
    return json.dumps(item | {"reference": reference, "split": "audit"}, ensure_ascii=False) + "\n"
