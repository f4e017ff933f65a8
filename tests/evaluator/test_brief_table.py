"""A brief that loads and still says too little is told where, capability by capability."""

from __future__ import annotations

from evaluator.brief_table import FEW_EXEMPLARS, brief_table, weaknesses
from evaluator.items import Item
from tests.evaluator.briefs import brief, capability

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


def test_too_few_items_for_a_pass_are_told_with_the_number_that_it_takes() -> None:
    loaded = brief(capability("support", role="target"), capability("sums", threshold=0.05), items=60)
    # With n items and no loss among them, a loss of 5 points has the probability .95 ** n: .046 at 60 items.
    assert any("60 audit items" in line and "at least 90" in line for line in of("sums", weaknesses(loaded)))
    assert not any("audit items" in line for line in of("support", weaknesses(loaded)))


def test_a_benchmark_makes_up_for_few_items() -> None:
    tested = capability("sums", threshold=0.05, benchmarks=({"lm_eval": "gsm8k"},))
    loaded = brief(capability("support", role="target"), tested)
    assert not any("audit items" in line for line in of("sums", weaknesses(loaded)))


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


def test_the_table_has_a_row_a_capability_with_the_target_named() -> None:
    table = brief_table(brief())
    assert table.row_count == 4
    assert next(iter(table.columns[0].cells)) == "support (target)"
    assert list(table.columns[3].cells) == ["60"] * 4
