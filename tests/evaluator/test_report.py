"""The report: one file that loads nothing, and the same figures in every form."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from evaluator.report import Axis, audit_table, axis_of, html, markdown, row_of, signed, write_report
from tests.evaluator.audits import audit

RESULT = audit(support=1.0, facts=0.1)
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
    assert "<b>I do not know</b>" not in page
    assert "&lt;b&gt;I do not know&lt;/b&gt;" in page


def test_verdict_findings_settings_and_both_sides_are_on_the_page() -> None:
    page = html(RESULT)
    for expected in ("fail", "Overfitting", "engine 1", RESULT.sha256, "It is right", "at the floor"):
        assert expected in page


def test_every_form_says_the_same_of_a_capability(tmp_path: Path) -> None:
    screen = StringIO()
    Console(file=screen, width=140).print(audit_table(RESULT))
    for text in (screen.getvalue(), markdown(RESULT), write_report(RESULT, tmp_path)["html"].read_text()):
        for figure in ("90%", "10%", "-80", "facts", "sums"):
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
    axis = axis_of(RESULT)
    for row in (row_of(c, axis) for c in RESULT.capabilities):
        assert axis.low <= row.low <= row.high <= axis.high
        assert row.x is not None
        assert row.x_low <= row.x <= row.x_high


@given(st.floats(-100, -10), st.floats(10, 100))
def test_an_axis_always_shows_zero_and_no_crowd_of_ticks(low: float, high: float) -> None:
    ticks = Axis(low, high).ticks
    assert 0 in ticks
    assert len(ticks) <= 7


@pytest.mark.parametrize(
    ("points", "shown"),
    [(12.4, "+12"), (-0.2, "0"), (0.0, "0"), (-60.0, "-60"), (None, "–")],  # noqa: RUF001 -- the dash of an empty cell
)
def test_a_change_has_its_sign(points: float | None, shown: str) -> None:
    assert signed(points) == shown
