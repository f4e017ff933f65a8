"""Good answers that verifiers used to refuse, and bad ones that they used to pass, each with the reason.

One line of hard_cases.jsonl is one case. Good is a score above .95; bad is at most .5, the score of half-right form.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from evaluator.verifiers import VERIFIERS

CASES: list[dict[str, Any]] = [
    json.loads(line) for line in Path(__file__).with_name("hard_cases.jsonl").read_text("utf-8").splitlines()
]


@pytest.mark.parametrize("case", CASES, ids=[f"{i:03}-{c['verifier']}" for i, c in enumerate(CASES)])
def test_a_hard_case_is_judged_as_a_person_would(case: dict[str, Any]) -> None:
    said = VERIFIERS[case["verifier"]](case["answer"], case["reference"], case["prompt"], case["options"])
    assert said.value is not None, case["why"]
    assert (said.value > 0.95) if case["good"] else (said.value <= 0.5), f"{case['why']}: {said}"


def test_the_hard_cases_cover_every_verifier_with_good_and_bad_answers() -> None:
    counts = Counter((case["verifier"], case["good"]) for case in CASES)
    assert {(name, good) for name in VERIFIERS for good in (True, False)} == set(counts)
    assert len(CASES) >= 130
    assert len({(c["verifier"], c["answer"], str(c["reference"])) for c in CASES}) == len(CASES)
