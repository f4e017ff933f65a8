"""A brief as people read it: a row a capability."""

from __future__ import annotations

from evaluator.briefs.table import brief_table
from tests.evaluator.support.briefs import brief


def test_the_table_has_a_row_a_capability_with_the_target_named() -> None:
    table = brief_table(brief())
    assert table.row_count == 4
    assert next(iter(table.columns[0].cells)) == "support (target)"
    assert list(table.columns[3].cells) == ["60"] * 4
