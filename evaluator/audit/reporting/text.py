"""An audit in words and figures: how numbers are written, Markdown for a pull request, a table for the terminal."""

from __future__ import annotations

from typing import Final

from rich import box
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from evaluator.audit.diff.paired_set import Verdict
from evaluator.audit.measure_baseline import MeasureBaseline
from evaluator.audit.measures.items_measure import ITEMS
from evaluator.audit.result import AuditResult, CapabilityAudit, Cost, MeasureAudit

EMPTY: Final = "–"  # noqa: RUF001 -- the dash of an empty cell
MARKS: Final[dict[Verdict, str]] = {"pass": "✓", "fail": "✗", "inconclusive": "?"}
_STYLES: Final[dict[Verdict, str]] = {"pass": "green", "fail": "bold red", "inconclusive": "yellow"}
_COLUMNS: Final = (
    ("capability", "left"),
    ("base", "right"),
    ("candidate", "right"),
    ("change", "right"),
    ("interval", "right"),
    ("tolerated", "right"),
    ("asked", "right"),
    ("verdict", "left"),
)


def percent(mean: float | None) -> str:
    """A mean score as a percentage; a dash where there is none."""
    return EMPTY if mean is None else f"{100 * mean:.0f}%"


def signed(points: float | None) -> str:
    """A change in points with its sign, one decimal where it is small; a dash where there is none."""
    if points is None:
        return EMPTY
    digits = 0 if abs(points) >= 10 else 1
    shown = f"{points:+.{digits}f}"
    return shown.removesuffix(".0") if float(shown) else "0"


def points(drop: float | None) -> float | None:
    """The change in points that a drop is: a drop of 0.05 is a change of -5."""
    return None if drop is None else -100 * drop


def interval(measure: MeasureAudit) -> str:
    """Where the true change lies, in points; a dash where nothing was asked."""
    if not measure.asked:
        return EMPTY
    return f"{signed(points(measure.upper))} … {signed(points(measure.lower))}"


def said_of(base: MeasureBaseline) -> str:
    """What a baseline says of one measure, in a line for the terminal, as text without markup."""
    mean = EMPTY if base.mean is None else f"{base.mean:.0%}"
    silent = f"  not measured: {base.not_measured}" if base.not_measured else ""
    if base.at_floor:
        silent = f"  at the floor: {base.at_floor}"
    unscored = f", {base.unscored} unscored" if base.unscored and not base.not_measured else ""
    return escape(f"{mean:>9}  of {base.n}{unscored}{silent}")


def state(measure: MeasureAudit) -> str:
    """The measure's verdict, or why it has none."""
    if measure.at_floor:
        return "at the floor"
    if measure.not_measured:
        return "not measured"
    return "cannot tell" if measure.unable else measure.verdict


def called(capability: CapabilityAudit, measure: MeasureAudit) -> str:
    """The row's name: the capability's for its items, the benchmark's for what stands below it."""
    return capability.name if measure.name == ITEMS else f"· {measure.name}"


def tags(capability: CapabilityAudit) -> str:
    """Role and weight, in brackets."""
    return (" (target)" if capability.role == "target" else "") + (
        " (critical)" if capability.critical else ""
    )


def counts(result: AuditResult) -> dict[str, int]:
    """How many capabilities came out how."""
    found = {"pass": 0, "fail": 0, "inconclusive": 0, "not measured": 0, "at the floor": 0}
    for capability in result.capabilities:
        silent = (
            "at the floor" if capability.at_floor else "not measured" if capability.not_measured else None
        )
        found[silent or capability.verdict] += 1
    return found


def cost_line(cost: Cost, seconds: float) -> str:
    """What the audit asked, beside what asking everything would have been."""
    asked = cost.candidate_asked + cost.base_asked
    saved = f", {cost.full / asked:.1f} times fewer" if 0 < asked < cost.full else ""
    kept = cost.candidate_reused + cost.base_reused
    tokens = f", {cost.tokens:,} tokens generated in chats" if cost.tokens is not None else ""
    return (
        f"{asked:,} answers asked of {cost.full:,} that asking both models every item takes{saved}; "
        f"{kept:,} more were known already{tokens}; {seconds:.0f} s"
    )


def markdown(result: AuditResult) -> str:
    """A summary for a pull request."""
    settings = result.settings
    measured = (
        f"Brief `{result.brief}` {result.brief_version}, base `{result.base.name}` `{result.base.sha256[:12]}`, "
        f"candidate `{result.candidate.sha256[:12]}`, judge `{result.binding.judge_version}`, seed {settings.seed}. "
        f"Chance of a false fail at most {settings.alpha_fail:g} over all measures, of a false pass "
        f"{settings.alpha_pass:g}."
    )
    rows = [_markdown_row(c, m) for c in result.capabilities for m in c.measures]
    lines = [
        f"## {MARKS[result.verdict]} Audit of `{result.candidate.name}`: **{result.verdict}**",
        "",
        *(f"- {finding}" for finding in result.findings),
        "",
        "| capability | base | candidate | change | interval | tolerated | asked | verdict |",
        "|---|---:|---:|---:|:---:|---:|---:|---|",
        *rows,
        "",
        f"{cost_line(result.cost, result.seconds)}.",
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
        table.add_column(name, justify="left" if justify == "left" else "right")
    for capability in result.capabilities:
        for measure in capability.measures:
            _add_row(table, capability, measure)
    return table


def _add_row(table: Table, capability: CapabilityAudit, measure: MeasureAudit) -> None:
    own = measure.name == ITEMS
    table.add_row(
        Text(called(capability, measure), style="bold" if own and capability.role == "target" else "")
        + Text(tags(capability) if own else "", style="dim"),
        percent(measure.base_mean),
        percent(measure.candidate_mean),
        Text(signed(points(measure.gap)), style="red" if measure.verdict == "fail" else ""),
        interval(measure),
        f"{-100 * measure.threshold:+g}",
        f"{measure.asked} of {measure.items}",
        Text(
            f"{MARKS[measure.verdict]} {state(measure)}",
            style="dim" if measure.silent else _STYLES[measure.verdict],
        ),
    )


def _markdown_row(capability: CapabilityAudit, measure: MeasureAudit) -> str:
    own = tags(capability) if measure.name == ITEMS else ""
    return (
        f"| {called(capability, measure)}{own} | {percent(measure.base_mean)} | {percent(measure.candidate_mean)} "
        f"| {signed(points(measure.gap))} | {interval(measure)} | {-100 * measure.threshold:+g} "
        f"| {measure.asked} of {measure.items} | {MARKS[measure.verdict]} {state(measure)} |"
    )
