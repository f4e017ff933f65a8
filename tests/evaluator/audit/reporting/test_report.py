"""The report: one file that loads nothing, and the same figures in every form."""

from __future__ import annotations

import itertools
import re
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from evaluator.audit.reporting.plot import Axis, axis_over, early_warnings, forest_of
from evaluator.audit.reporting.report import html, write_report
from evaluator.audit.reporting.text import audit_table, cost_line, markdown, signed
from evaluator.audit.result import JudgeCalibration, NllChange
from tests.evaluator.support.audits import audit

RESULT = audit(items=120, support=1.0, facts=0.1)
VOID = {"meta", "br"}


class Tags(HTMLParser):
    """Checks that tags close in order, and collects what would be loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [f"{tag} {name}" for name, _ in attrs if name in ("src", "href", "srcset", "action")]
        if tag in ("script", "link", "iframe", "img"):
            self.loads.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_loads_nothing() -> None:
    page = Tags()
    page.feed(html(RESULT))
    assert page.open == []
    assert page.loads == []
    assert "url(" not in html(RESULT)


def test_what_a_model_wrote_is_text_never_markup() -> None:
    page = html(RESULT)
    assert "<b>candidate does not know</b>" not in page
    assert "&lt;b&gt;candidate does not know&lt;/b&gt;" in page


def test_verdict_findings_settings_and_both_sides_are_on_the_page() -> None:
    page = html(RESULT)
    for expected in ("fail", "Overfitting", "engine 1", RESULT.sha256, "It is right", "at the floor"):
        assert expected in page


def test_every_form_says_the_same_of_a_capability(tmp_path: Path) -> None:
    screen = StringIO()
    Console(file=screen, width=140).print(audit_table(RESULT))
    for text in (screen.getvalue(), markdown(RESULT), write_report(RESULT, tmp_path)["html"].read_text()):
        facts = RESULT.capabilities[1].items
        assert facts.gap is not None
        for figure in (
            signed(-100 * facts.gap),
            f"{100 * (facts.base_mean or 0):.0f}%",
            "facts",
            "sums",
            "riddles",
        ):
            assert figure in text


def test_all_files_are_written(tmp_path: Path) -> None:
    paths = write_report(RESULT, tmp_path / "new")
    assert {kind: path.name for kind, path in paths.items()} == {
        "json": "audit.json",
        "html": "report.html",
        "markdown": "report.md",
    }
    assert paths["json"].read_bytes() == RESULT.content


def test_the_markdown_table_has_as_many_cells_in_every_row() -> None:
    rows = [line for line in markdown(RESULT).splitlines() if line.startswith("|")]
    assert {len(re.findall(r"\|", row)) for row in rows} == {9}


def test_every_interval_and_threshold_is_within_the_axis() -> None:
    forest = forest_of(RESULT)
    assert [row.bar is None for row in forest.rows] == [False, False, False, True]
    for row in forest.rows:
        assert forest.axis.low <= -100 * row.measure.threshold <= forest.axis.high
        if row.bar is not None:
            assert forest.axis.low <= row.bar.low <= row.bar.value <= row.bar.high <= forest.axis.high
            assert row.bar.x_low <= row.bar.x <= row.bar.x_high


def test_what_was_not_measured_is_not_drawn_and_what_was_is() -> None:
    assert early_warnings(RESULT) is None
    assert "Early warning" not in html(RESULT)
    assert "known answers" not in html(RESULT)
    facts = RESULT.capabilities[1]
    moved = NllChange(n=60, base=1.0, candidate=1.42, change=0.42, lower=0.2, upper=0.6)
    with_nll = facts.model_copy(update={"measures": (facts.items.model_copy(update={"nll": moved}),)})
    judged = JudgeCalibration(
        capability="facts",
        answers=40,
        mistakes=3,
        tells_apart=True,
        sensitivity=(0.8, 0.9, 1.0),
        specificity=(0.8, 0.95, 1.0),
    )
    result = RESULT.model_copy(
        update={
            "capabilities": (RESULT.capabilities[0], with_nll, *RESULT.capabilities[2:]),
            "judges": (judged,),
        }
    )
    page = html(result)
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    for expected in ("Early warning", "+0.42", "tells them apart", "80% to 100%"):
        assert expected in page


def test_the_cost_stands_beside_what_asking_everything_would_have_been() -> None:
    asked = RESULT.cost.candidate_asked
    line = cost_line(RESULT.cost, 12.0)
    assert f"{asked:,} answers asked of 960" in line
    assert f"{960 / asked:.1f} times fewer" in line
    assert "3,456 tokens" in line


@given(st.lists(st.floats(-100, 100), max_size=6), st.sampled_from([0.1, 10.0]))
def test_an_axis_holds_zero_and_everything_that_is_not_absurdly_far(values: list[float], unit: float) -> None:
    axis = axis_over(values, unit)
    assert axis.low < 0 < axis.high
    assert all(axis.low <= v <= axis.high for v in values if abs(v) <= 10 * unit)


@given(st.floats(-100, -0.1), st.floats(0.1, 100))
def test_an_axis_shows_zero_and_no_crowd_of_ticks(low: float, high: float) -> None:
    axis = Axis(low, high)
    places = [axis.x(tick) for tick in axis.ticks]
    assert 0 in axis.ticks
    assert all(low <= tick <= high for tick in axis.ticks)
    assert all(after - before >= 29.0 for before, after in itertools.pairwise(places))


@given(st.floats(-100, 100), st.floats(-100, 100))
def test_what_is_further_right_is_drawn_further_right(one: float, other: float) -> None:
    axis = Axis(-100, 100)
    assert (axis.x(one) <= axis.x(other)) or one > other


@pytest.mark.parametrize(
    ("points", "shown"),
    [
        (12.4, "+12"),
        (-0.2, "-0.2"),
        (-0.04, "0"),
        (3.0, "+3"),
        (-9.5, "-9.5"),
        (0.0, "0"),
        (-60.0, "-60"),
        (None, "–"),  # noqa: RUF001 -- the dash of an empty cell
    ],
)
def test_a_change_has_its_sign(points: float | None, shown: str) -> None:
    assert signed(points) == shown
