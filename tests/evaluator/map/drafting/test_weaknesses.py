"""A brief that loads and still says too little is told where, capability by capability."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from scipy.stats import beta

from evaluator.briefs.brief import JudgeEndpoint, JudgeSettings, LoadedBrief
from evaluator.briefs.items import Item
from evaluator.map.drafting.weaknesses import FEW_EXEMPLARS, weaknesses
from telemetry.errors import BriefError
from tests.evaluator.support.briefs import brief, capability

MANY = tuple(f"please do number {n}" for n in range(FEW_EXEMPLARS))


def of(name: str, lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith(f"{name}:")]


def test_a_brief_that_says_enough_has_no_weakness() -> None:
    strong = {"quality": "as good as today", "exemplars": MANY, "threshold": 0.1, "kind": "style"}
    loaded = brief(
        capability("support", role="target", **strong),
        capability("facts", **strong | {"exemplars": tuple(f"fact {n}" for n in range(FEW_EXEMPLARS))}),
    )
    assert weaknesses(loaded) == []


def few(loaded: LoadedBrief) -> list[str]:
    return [line for line in weaknesses(loaded) if "audit items" in line and "only with" in line]


@pytest.mark.parametrize(("items", "told"), [(109, True), (110, False)])
def test_too_few_items_for_a_pass_are_told_with_the_number_that_it_takes(items: int, told: bool) -> None:
    loaded = brief(capability("support", role="target"), capability("sums", threshold=0.05), items=items)
    found = few(loaded)
    assert len(found) == told
    assert all(
        line.startswith("sums: 109 audit items") and "5 points only with 110" in line for line in found
    )


def test_a_benchmark_does_not_make_up_for_few_items_since_a_pass_takes_every_measure() -> None:
    tested = capability("sums", threshold=0.05, benchmarks=({"lm_eval": "gsm8k"},))
    loaded = brief(capability("support", role="target"), tested)
    assert len(of("sums", few(loaded))) == 1


def test_items_that_share_a_passage_count_as_one() -> None:
    loaded = brief(capability("support", role="target"), capability("sums"))
    passages = [
        item.model_copy(update={"cluster": str(number // 3)})
        for number, item in enumerate(loaded.items["sums"])
    ]
    found = few(loaded.model_copy(update={"items": loaded.items | {"sums": tuple(passages)}}))
    assert len(found) == 1
    assert "sums: 60 audit items, by their clusters 20 draws" in found[0]


def with_suite(folder: Path, known: int, taken: int, **judge: object) -> LoadedBrief:
    """A brief whose suite has `known` good and bad answers of sums each, of which the judge mistakes `taken` good."""
    loaded = brief(capability("support", role="target"), capability("sums", **judge), items=70)
    lines = [
        {
            "capability": "sums",
            "prompt": f"sums question {n}",
            "answer": f"right{n}" if good and n >= taken else "wrong",
            "good": good,
        }
        for n in range(known)
        for good in (True, False)
    ]
    (folder / "suite.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    named = loaded.brief.model_copy(update={"judge_suite": "suite.jsonl"})
    return loaded.model_copy(update={"brief": named, "folder": folder})


def test_a_judge_that_may_err_makes_a_pass_dearer(tmp_path: Path) -> None:
    assert few(with_suite(tmp_path, known=60, taken=0)) == []
    found = few(with_suite(tmp_path, known=60, taken=6))
    # Clopper and Pearson at 97.5% a rate: J is at least low(54 of 60) + low(60 of 60) - 1; pairs without a difference
    # make all-in bets worth 8/25 (1 - J/10)^-n, which reach 100 about here.
    worth = beta.ppf(0.0125, 54, 7) + beta.ppf(0.0125, 60, 1) - 1.0
    least = next(n for n in range(1000) if 8 / 25 * (1 - worth / 10) ** -n >= 100)
    assert len(found) == 1
    told = int(found[0].partition("only with ")[2].partition(",")[0])
    assert 70 < told <= least <= told + 3
    assert "as its judge may err" in found[0]


def test_a_judge_that_tells_nothing_apart_is_told(tmp_path: Path) -> None:
    found = of("sums", weaknesses(with_suite(tmp_path, known=60, taken=60)))
    assert any(
        "nothing can pass at 10 points: its judge does not tell the good from the bad" in f for f in found
    )


def test_a_model_that_judges_is_not_asked(tmp_path: Path) -> None:
    endpoint = JudgeEndpoint(
        url="http://nowhere.invalid", model="m", rubric="r", best=10, api_key_env="NO_SUCH_KEY"
    )
    loaded = with_suite(tmp_path, known=60, taken=6, judge=JudgeSettings(endpoint=endpoint))
    assert few(loaded) == []


def test_a_judge_suite_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    loaded = with_suite(tmp_path, known=3, taken=0)
    (tmp_path / "suite.jsonl").write_text("no JSON\n", encoding="utf-8")
    with pytest.raises(BriefError, match=r"suite\.jsonl, line 1"):
        weaknesses(loaded)


def test_items_that_the_verifier_cannot_judge_are_named() -> None:
    loaded = brief(capability("support", role="target"), capability("sums"))
    broken = loaded.model_copy(update={"items": loaded.items | {"sums": (Item(id="s1", prompt="2 + 2?"),)}})
    assert any("cannot judge 1 audit items, such as 's1'" in line for line in of("sums", weaknesses(broken)))


def test_a_capability_with_audit_items_alone_cannot_be_tuned_on() -> None:
    loaded = brief(capability("support", role="target"), capability("sums"))
    audited = loaded.model_copy(update={"items": loaded.items | {"sums": loaded.items_of("sums", "audit")}})
    assert any("audit items only" in line for line in of("sums", weaknesses(audited)))
    assert not any("audit items only" in line for line in weaknesses(loaded))


def test_no_audit_item_no_quality_few_exemplars_and_no_kind_are_told() -> None:
    found = weaknesses(brief(items=0))
    assert sum("no item with split 'audit'" in line for line in found) == 4
    assert sum("no 'quality'" in line for line in found) == 4
    assert sum("1 exemplars" in line for line in found) == 4
    assert any("support: no 'kind'" in line for line in found)
