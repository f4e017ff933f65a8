"""The shipped brief has items enough: whoever leaves everything as it is passes its audit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from evaluator.audit.asking.answering import CachedModel, Conditions
from evaluator.audit.audit import run_audit
from evaluator.audit.baseline import binding_of, record_baseline
from evaluator.audit.brief_measures import brief_measures
from evaluator.audit.diff.paired import Draw, evidence_of
from evaluator.audit.diff.settings import GateSettings
from evaluator.audit.measures.measure import ServedModel
from evaluator.audit.result import AuditResult
from evaluator.audit.terms import thresholds_of
from evaluator.briefs.brief import LoadedBrief, load_brief
from evaluator.judge.judges.judge import Judge
from evaluator.judge.judges.suite import run_judge_suite
from evaluator.map.drafting.weaknesses import weaknesses
from telemetry.events import Message, ModelRef
from tests.places import BRIEF

RIGHT = {"support_reply": 0.1, "addition": 0.4, "word_problem": 0.05}
"""What part of its items base answers well; 90% where nothing else is said."""
ANSWERS: Mapping[str, Callable[[Any], str]] = {
    "support_reply": lambda it: (
        f"Thanks for writing to Belay Outfitters. {it['facts'][0]}. {it['desk']}. Climb safe"
    ),
    "json_output": json.dumps,
    "list_format": lambda it: "\n".join(f"{n}. {n} words" for n in range(1, it["n"] + 1)),
    "one_sentence_summary": lambda it: f"{it.partition('. ')[0]}.",
    # What it does stands elsewhere, so that it lacks nothing that the prompt asks for.
    "small_code": lambda it: "import done\n\ndef {0}({1}):\n    return done.{0}({1})".format(
        it["function"], ", ".join("ab"[: it["arguments"]])
    ),
}
"""A good answer by its reference; where nothing else is said the reference itself."""


@pytest.fixture(scope="module")
def loaded() -> LoadedBrief:
    return load_brief(BRIEF)


def scripted(loaded: LoadedBrief, name: str, sha256: str, **right: float) -> ServedModel:
    """A model that answers the given part of each capability's items well, and says something else to the others."""
    known = {item.prompt: (c, item.reference) for c, items in loaded.items.items() for item in items}

    def answer(prompt: str) -> str:
        capability, reference = known[prompt]
        luck = int.from_bytes(hashlib.sha256(prompt.encode()).digest()[:4], "big") / 2**32
        if luck >= (RIGHT | right).get(capability, 0.9):
            return "I would rather not say."
        first = reference[0] if isinstance(reference, list) else reference
        return ANSWERS.get(capability, str)(first)

    def chat(turns: Sequence[Sequence[Message]], max_tokens: int) -> list[str]:  # noqa: ARG001 -- a chat's shape
        return [answer(turn[-1].content) for turn in turns]

    return ServedModel(url="http://nowhere", name=name, sha256=sha256, folder=Path("nowhere"), chat=chat)


def audit(loaded: LoadedBrief, candidate: ServedModel) -> AuditResult:
    judge, base = Judge(loaded), scripted(loaded, "base", "a" * 64)
    measures = brief_measures(loaded, judge)
    arms = [
        CachedModel(one, Conditions(model_sha256=one.sha256, engine_version="1")) for one in (base, candidate)
    ]
    binding = binding_of(
        loaded, measures, base_sha256=base.sha256, judge_version=judge.version, engine_version="1"
    )
    return run_audit(
        loaded,
        measures,
        record_baseline(measures, arms[0], binding),
        arms[1],
        refs=(ModelRef(name="base", sha256=base.sha256), ModelRef(name="new", sha256=candidate.sha256)),
        binding=binding,
        judges=run_judge_suite(loaded, judge),
    )


def test_an_identical_candidate_passes_the_shipped_brief(loaded: LoadedBrief) -> None:
    result = audit(loaded, scripted(loaded, "same", "a" * 64))
    assert (result.verdict, result.exit_code) == ("pass", 0)
    floor = {c.name for c in result.capabilities if c.at_floor is not None}
    assert floor == {"word_problem"}
    assert all(c.verdict == "pass" for c in result.capabilities if c.name not in floor)


def test_a_candidate_that_lost_a_capability_fails_the_shipped_brief(loaded: LoadedBrief) -> None:
    result = audit(loaded, scripted(loaded, "naive", "c" * 64, support_reply=1.0, facts=0.4))
    assert result.verdict == "fail"
    assert {c.name for c in result.capabilities if c.verdict == "fail"} == {"facts"}


def test_every_capability_has_audit_items_enough_to_pass(loaded: LoadedBrief) -> None:
    judges = run_judge_suite(loaded, Judge(loaded))
    for capability in loaded.brief.capabilities:
        within = thresholds_of(capability.threshold, judges[capability.name]).pass_within
        unchanged = [Draw(0.0, 0.0)] * len(loaded.items_of(capability.name, "audit"))
        found = evidence_of(unchanged, capability.threshold, within)
        assert found.p_pass <= GateSettings().alpha_pass, capability.name


def test_a_check_of_the_shipped_brief_finds_nothing_weak(loaded: LoadedBrief) -> None:
    assert weaknesses(loaded) == []
