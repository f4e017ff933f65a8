"""Every link of a page leads somewhere: to a file of the repository, to a heading in it, to a picture."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.places import ROOT

PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "bench").glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
_LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)>\s]+)>?(?:\s+\"[^\"]*\")?\)")


def plain(page: str) -> Iterator[str]:
    """The lines of a page that are neither a block of code nor code within a line."""
    fenced = False
    for line in page.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced and not line.startswith("    "):
            yield line


def anchors(page: str) -> set[str]:
    """Where a link into a page may lead: its headings, as GitHub and the site name them."""
    found: set[str] = set()
    for line in plain(page):
        if heading := re.match(r"#{1,6} (.+)", line):
            text = re.sub(r"[^\w\- ]", "", heading[1].lower().replace("`", ""))
            found.add(re.sub(r"[\s]+", "-", text.strip()))
    return found


def dead(page: Path, text: str) -> list[str]:
    """The links of a page that lead nowhere, or out of the repository."""
    wrong = []
    for line in plain(text):
        for link in _LINK.findall(re.sub(r"`[^`]*`", "", line)):
            if re.match(r"[a-z]+:", link):
                continue
            where, _, anchor = link.partition("#")
            file = (page.parent / where).resolve() if where else page
            there = file.exists() and file.is_relative_to(ROOT)
            if not there or (
                anchor and anchor not in anchors(text if file == page else file.read_text("utf-8"))
            ):
                wrong.append(link)
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    assert dead(page, page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "link", ["nothing.md", "router.md#the-roll-out", "#nowhere", "img/none.png", "../../outside.md"]
)
def test_a_link_that_leads_nowhere_is_found(link: str) -> None:
    page = ROOT / "docs" / "router.md"
    good = "[it](router.md#the-rollout), [here](#the-rollout), ![a](img/plan.png)"
    text = f"# The rollout\n\nSee {good}, [there]({link}).\n"
    assert dead(page, text) == [link]


def test_every_page_of_docs_is_reached_from_the_first_one() -> None:
    docs, seen = ROOT / "docs", set[Path]()
    waiting = [docs / "index.md"]
    while waiting:
        page = waiting.pop()
        if page in seen:
            continue
        seen.add(page)
        links = _LINK.findall(page.read_text(encoding="utf-8"))
        linked = [(page.parent / link.partition("#")[0]).resolve() for link in links if ".md" in link]
        waiting += [found for found in linked if found.is_relative_to(docs)]
    assert seen == set(docs.rglob("*.md"))
