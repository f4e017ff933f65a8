"""The pages as a site: it builds without a warning, loads nothing from elsewhere, and shows what the pages say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.places import ROOT

LOADED = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*?(?:src|href)=\"?((?:https?:)?//[^\"> ]+)")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built strictly as `make docs` builds it."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_page_is_there_and_links_to_the_four_readers(site: Path) -> None:
    made = {path.relative_to(site).with_suffix(".md").as_posix() for path in site.rglob("*.html")}
    docs = ROOT / "docs"
    assert made - {"404.md", "measured.md"} == {
        path.relative_to(docs).as_posix() for path in docs.rglob("*.md")
    }
    first = (site / "index.html").read_text(encoding="utf-8")
    assert all(f'href="readers/{name}.html"' in first for name in ("train", "rollout", "oncall", "extend"))


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    assert {
        (path.name, found)
        for path in site.rglob("*.html")
        for found in LOADED.findall(path.read_text("utf-8"))
    } == set()
    sheets = [path.read_text(encoding="utf-8") for path in site.rglob("*.css")]
    assert sheets
    assert not any(re.search(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", sheet) for sheet in sheets)
    assert LOADED.findall('<script async src="https://example.org/a.js"></script>')


def test_no_list_table_or_block_of_code_runs_on_in_a_paragraph(site: Path) -> None:
    wrong = {
        (path.name, paragraph[:80])
        for path in site.rglob("*.html")
        for paragraph in re.findall(r"<p>(.*?)</p>", path.read_text(encoding="utf-8"), re.DOTALL)
        if re.search(r"(?:^|\n)(?:[-*] |\d\. |\||    \S|```)", paragraph)
    }
    assert wrong == set()


def test_the_rollouts_states_are_a_table_and_a_named_page_is_a_link(site: Path) -> None:
    page = (site / "router.html").read_text(encoding="utf-8")
    assert "stateDiagram" not in page
    assert "<td>RollBack</td>" in page
    assert '<a href="evaluator.html">docs/evaluator.md</a>' in page
