"""Writes an audit: a page that opens offline, Markdown for a pull request, JSON."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from evaluator.audit.reporting.plot import WIDTH, early_warnings, forest_of
from evaluator.audit.reporting.text import counts, markdown, percent, signed, state
from evaluator.audit.result import AuditResult
from telemetry.files import write_renamed


def write_report(result: AuditResult, folder: Path) -> dict[str, Path]:
    """Write `audit.json`, `report.html` and `report.md` into `folder`; their paths by kind."""
    paths = {"json": result.save(folder), "html": folder / "report.html", "markdown": folder / "report.md"}
    write_renamed(paths["html"], html(result).encode())
    write_renamed(paths["markdown"], markdown(result).encode())
    return paths


def html(result: AuditResult) -> str:
    """The page: one file, nothing to load."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "signed": signed, "state": state}
    forest = forest_of(result)
    return environment.get_template("audit.html.j2").render(
        result=result,
        forest=forest,
        warnings=early_warnings(result),
        shown=sorted((r for r in forest.rows if r.measure.worst), key=lambda r: -(r.measure.gap or 0.0)),
        width=WIDTH,
        counts=counts(result),
    )
