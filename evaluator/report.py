"""Shows an audit: a page that opens offline, Markdown for a pull request, a table for the terminal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from rich import box
from rich.table import Table
from rich.text import Text

from evaluator.diff import Verdict
from evaluator.gate import AuditResult, CapabilityAudit
from telemetry.files import write_renamed

PLOT_WIDTH: Final = 300.0
_STYLES: Final[dict[Verdict, str]] = {"pass": "green", "fail": "bold red", "inconclusive": "yellow"}
_MARKS: Final[dict[Verdict, str]] = {"pass": "✓", "fail": "✗", "inconclusive": "?"}


@dataclass(frozen=True, slots=True)
class Axis:
    """The plot's horizontal axis: the change from base to candidate, in points; a drop lies on the left."""

    low: float
    high: float

    def x(self, points: float) -> float:
        """Where a change lies, in pixels; beyond the ends it lies on them."""
        inside = min(max(points, self.low), self.high)
        return round((inside - self.low) / (self.high - self.low) * PLOT_WIDTH, 1)

    @property
    def ticks(self) -> list[int]:
        """Five or so round numbers, 0 among them."""
        step = next(s for s in (5, 10, 20, 25, 50, 100) if (self.high - self.low) / s <= 6)
        return [t for t in range(-100, 101, step) if self.low <= t <= self.high]


@dataclass(frozen=True, slots=True)
class Row:
    """One capability as it is drawn; all lengths are pixels of the plot, all numbers points."""

    audit: CapabilityAudit
    change: float | None
    low: float
    high: float
    x: float | None
    x_low: float
    x_high: float
    x_threshold: float


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
    environment.filters["percent"] = percent
    environment.filters["signed"] = signed
    axis = axis_of(result)
    rows = [row_of(c, axis) for c in result.capabilities]
    shown = sorted((r for r in rows if r.audit.worst), key=lambda r: r.change or 0.0)
    return environment.get_template("audit.html.j2").render(
        result=result, rows=rows, shown=shown, axis=axis, width=PLOT_WIDTH, counts=_counts(result)
    )


def axis_of(result: AuditResult) -> Axis:
    """An axis that holds every interval and threshold, in round tens."""
    ends = [100 * -c.diff.upper for c in result.capabilities] + [
        100 * -c.diff.lower for c in result.capabilities
    ]
    ends += [100 * -c.diff.threshold for c in result.capabilities] + [10.0, -10.0]
    return Axis(max(-100.0, 10.0 * (min(ends) // 10)), min(100.0, -10.0 * (-max(ends) // 10)))


def row_of(capability: CapabilityAudit, axis: Axis) -> Row:
    """Where one capability is drawn."""
    d = capability.diff
    change = None if d.gap is None else 100 * -d.gap
    low, high = 100 * -d.upper, 100 * -d.lower
    return Row(
        audit=capability,
        change=change,
        low=low,
        high=high,
        x=None if change is None else axis.x(change),
        x_low=axis.x(low),
        x_high=axis.x(high),
        x_threshold=axis.x(100 * -d.threshold),
    )


def markdown(result: AuditResult) -> str:
    """A summary for a pull request."""
    settings = result.settings
    measured = (
        f"Brief `{result.brief}` {result.brief_version}, base `{result.base.name}` `{result.base.sha256[:12]}`, "
        f"candidate `{result.candidate.sha256[:12]}`, judge `{result.binding.judge_version}`. "
        f"Error of a fail at most {settings.alpha_fail:g} over all capabilities, of a pass {settings.alpha_pass:g}."
    )
    lines = [
        f"## {_MARKS[result.verdict]} Audit of `{result.candidate.name}`: **{result.verdict}**",
        "",
        *(f"- {finding}" for finding in result.findings),
        "",
        "| capability | base | candidate | change | interval | tolerated | items | verdict |",
        "|---|---:|---:|---:|:---:|---:|---:|---|",
        *(_markdown_row(c) for c in result.capabilities),
        "",
        measured,
        "",
    ]
    return "\n".join(lines)


def audit_table(result: AuditResult) -> Table:
    """The audit for the terminal."""
    table = Table(
        title=f"Audit of {result.candidate.name} against {result.base.name}: "
        f"[{_STYLES[result.verdict]}]{result.verdict}[/]",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        caption="changes in points; the interval is where the true change lies",
        caption_justify="left",
    )
    for name, justify in _COLUMNS:
        table.add_column(name, justify="right" if justify else "left")
    for c in result.capabilities:
        d = c.diff
        beyond = c.verdict == "fail"
        table.add_row(
            Text(c.name, style="bold" if c.role == "target" else "") + Text(_tags(c), style="dim"),
            percent(d.base_mean),
            percent(d.candidate_mean),
            Text(signed(None if d.gap is None else -100 * d.gap), style="red" if beyond else ""),
            _interval(c),
            f"{-100 * d.threshold:+g}",
            str(d.n),
            Text(f"{_MARKS[c.verdict]} {_verdict(c)}", style="dim" if c.at_floor else _STYLES[c.verdict]),
        )
    return table


_COLUMNS: Final = (
    ("capability", False),
    ("base", True),
    ("candidate", True),
    ("change", True),
    ("interval", True),
    ("tolerated", True),
    ("items", True),
    ("verdict", False),
)


def percent(mean: float | None) -> str:
    """A mean score as a percentage; a dash where there is none."""
    return "–" if mean is None else f"{100 * mean:.0f}%"  # noqa: RUF001 -- the dash of an empty cell


def signed(points: float | None) -> str:
    """A change in points with its sign; a dash where there is none."""
    return "–" if points is None else f"{round(points):+d}" if round(points) else "0"  # noqa: RUF001 -- as above


def _markdown_row(c: CapabilityAudit) -> str:
    d = c.diff
    return (
        f"| {c.name}{_tags(c)} | {percent(d.base_mean)} | {percent(d.candidate_mean)} "
        f"| {signed(None if d.gap is None else -100 * d.gap)} | {_interval(c)} | {-100 * d.threshold:+g} | {d.n} "
        f"| {_MARKS[c.verdict]} {_verdict(c)} |"
    )


def _interval(c: CapabilityAudit) -> str:
    return f"{signed(-100 * c.diff.upper)} … {signed(-100 * c.diff.lower)}"


def _tags(c: CapabilityAudit) -> str:
    return (" (target)" if c.role == "target" else "") + (" (critical)" if c.critical else "")


def _verdict(c: CapabilityAudit) -> str:
    return "at the floor" if c.at_floor else c.verdict


def _counts(result: AuditResult) -> dict[str, int]:
    found = {"pass": 0, "fail": 0, "inconclusive": 0, "at the floor": 0}
    for capability in result.capabilities:
        found[_verdict(capability)] += 1
    return found
