"""A written brief says what it was told, in YAML, with every key explained once."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from evaluator.briefs.items import read_items
from evaluator.map.drafting.draft import Draft, finished
from evaluator.map.drafting.writer import REFERENCES, Skeleton, assumed_of, brief_text, skeletons
from evaluator.verifiers import VERIFIERS
from evaluator.verifiers.options import OPTIONS

OPTIONS_THAT_SERVE: dict[str, dict[str, Any]] = {
    "label": {"labels": ["good", "bad"]},
    "support_reply": {"opening": "Dear", "closing": "Yours"},
}


def capability(name: str, **given: Any) -> dict[str, Any]:
    return {"name": name, "why": "users ask", "at_5_percent_loss": "x", "at_15_percent_loss": "y"} | given


def made(*capabilities: dict[str, Any], **top: Any) -> dict[str, Any]:
    return finished(
        Draft({"name": "tests", "owner": "us", "summary": "s"} | top, capabilities, complete=True)
    )


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=300)


@given(TEXT, TEXT, st.floats(0.001, 0.999))
def test_read_back_it_says_what_it_was_told(why: str, summary: str, share: float) -> None:
    brief = made(capability("a", why=why, share=share, role="target"), capability("b"), summary=summary)
    assert yaml.safe_load(brief_text(brief)) == brief


def test_every_key_is_explained_where_it_first_stands_and_only_there() -> None:
    text = brief_text(made(capability("a", role="target", share=0.5), capability("b", share=0.5)))
    assert text.count("# who relies on it, and for what") == 1
    lines = text.splitlines()
    assert lines[lines.index("    # who relies on it, and for what") + 1].startswith("    why: ")
    assert max(map(len, lines)) <= 110


def test_what_nobody_decided_is_said_to_be_assumed() -> None:
    draft = Draft({"name": "t"}, (capability("a", role="target", share=0.6), capability("b", threshold=0.2)))
    notes = assumed_of({"capabilities": draft.capabilities}, finished(draft))
    assert "a.share" not in notes
    assert notes["b.share"].startswith("Assumed")
    assert "a.threshold" in notes
    assert "b.threshold" not in notes
    least = int(re.findall(r"only with (\d+) of them", notes["b.items"])[0])
    # With 21 items and nothing lost, a loss of 20 points has the probability .8 ** 21 < 1%; no test can do with fewer.
    assert 21 <= least <= 1.4 * 21
    text = brief_text(finished(draft), notes)
    assert re.search(r"# Assumed: .*\n    share: 0\.4\n", text)


def test_example_lines_are_skeletons_that_no_audit_takes_for_items() -> None:
    brief = made(
        capability("a", judge={"verifier": "number"}),
        capability("b", exemplars=["inline"], judge="json_keys"),
    )
    found = {one.name: one.text for one in skeletons(brief)}
    assert set(found) == {"items/a.jsonl", "exemplars/a.txt", "items/b.jsonl"}
    items, problems = read_items(found["items/a.jsonl"], Path("items/a.jsonl"), "a")
    assert items == ()
    assert "still the example" in problems[0].text
    assert isinstance(skeletons(brief)[0], Skeleton)


@pytest.mark.parametrize("verifier", sorted(VERIFIERS))
def test_the_example_has_a_reference_of_the_shape_that_its_verifier_takes(verifier: str) -> None:
    assert set(REFERENCES) == set(VERIFIERS) == set(OPTIONS)
    options = OPTIONS_THAT_SERVE.get(verifier, {})
    brief = made(capability("a", judge={"verifier": verifier, "options": options}))
    item = json.loads(next(one.text for one in skeletons(brief) if one.name == "items/a.jsonl"))
    assert VERIFIERS[verifier]("an answer", item["reference"], "a prompt", options).value is not None
