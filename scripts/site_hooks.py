"""What the site has beside the pages of docs/: bench/README.md, links, the rollout's states as a table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
MEASURED = "measured.md"
_NAMED = re.compile(r"(?<!\]\()(?<![\[`/\w])docs/(\w+)\.md(?![`\w])")
_STATES = re.compile(r"```mermaid\nstateDiagram-v2\n(.*?)```", re.DOTALL)
_ITEM = re.compile(r"(?:[-*]|\d+\.) ")
_ARROW = re.compile(r"(\S+) --> (\S+): (\S+)")


def on_files(files: Files, config: Any) -> Files:
    """Add bench/README.md: it lies beside what it reports, outside of docs/."""
    text = (ROOT / "bench" / "README.md").read_text(encoding="utf-8")
    files.append(File.generated(config, MEASURED, content=_of_bench(text)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """A page as the site shows it."""
    up = "../" * page.file.src_uri.count("/")
    markdown = markdown.replace("](../bench/README.md", f"]({up}{MEASURED}")
    markdown = _STATES.sub(lambda found: _table(found.group(1)), markdown)
    return "\n".join(_lines(markdown, up))


def _lines(markdown: str, up: str) -> Iterator[str]:
    """The lines with a named page as a link to it, and with the empty line that this Markdown wants before a list."""
    fenced, before = False, ""
    for line in markdown.splitlines():
        fenced ^= line.startswith("```")
        if fenced or line.startswith(("    ", "#")):
            yield line
        else:
            item = _ITEM.match(line)
            if item and before.strip() and not (_ITEM.match(before) or before.startswith("  ")):
                yield ""
            yield _NAMED.sub(rf"[docs/\1.md]({up}\1.md)", line)
        before = line


def _of_bench(text: str) -> str:
    """Links of bench/README.md, seen from the site: its pictures lie in docs/, other files it names only."""
    text = text.replace("](../docs/", "](")
    return re.sub(r"(?<!!)\[([^\]]+)\]\((?!#|http)([^)]+)\)", r"`bench/\2`", text)


def _table(states: str) -> str:
    """A state diagram as a table: drawing it takes a program from elsewhere."""
    rows = [
        f"| {found[1].replace('[*]', '-')} | {found[3]} | {found[2]} |" for found in _ARROW.finditer(states)
    ]
    return "\n".join(["| from | event | to |", "|---|---|---|", *rows])
