"""A measured capability map as people read it."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from evaluator.map.mapping.mapping import MeasuredShare, Measurement
from evaluator.map.mapping.shares import Estimate


def show_measurement(measurement: Measurement, console: Console) -> None:
    """Print the table, and what stands beside it."""
    m = measurement
    period = f" from {m.first:%Y-%m-%d %H:%M} to {m.last:%Y-%m-%d %H:%M} UTC" if m.first and m.last else ""
    console.print(f"{m.queries:,} queries of {m.subjects:,} subjects{period}.")
    if m.unusable:
        console.print(
            f"Not used: {', '.join(f'{count:,} {reason}' for reason, count in m.unusable.items())}."
        )
    if "hashed text" in m.unusable:
        console.print(
            "Hashed text cannot be tagged. It was the router's text policy; under 'redacted' or 'full' it can."
        )
    if not m.queries:
        console.print("Nothing to measure: no query that can be tagged.")
        return
    console.print(_table(m))
    console.print(
        f"Untagged: {_percent(m.untagged)} of all queries."
        + (f" Estimated to belong to no capability: {_percent(m.elsewhere)}." if m.elsewhere else "")
    )
    for group in m.groups:
        console.print(f"  {group.count:,} x  {group.example}", markup=False)
    console.print(_how(m), style="dim")


def _table(m: Measurement) -> Table:
    table = Table(box=None, padding=(0, 1))
    table.add_column("capability", no_wrap=True)
    for name in ("brief", "tagged", "measured", "corrected", "off"):
        table.add_column(name, justify="right", no_wrap=True)
    for c in m.capabilities:
        table.add_row(
            c.name.replace("_", " "),
            f"{c.brief:.1%}",
            f"{c.tagged:,}",
            _percent(c.measured),
            _percent(c.corrected) if c.corrected else "cannot tell",
            _off(c),
        )
    return table


def _off(c: MeasuredShare) -> str:
    text = f"{100 * c.off:+.1f} points"
    return f"[bold yellow]{text} *[/]" if c.contradicted else f"{text}  "


def _percent(estimate: Estimate) -> str:
    return f"{estimate.share:.1%} [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]".replace("[", r"\[")


def _how(m: Measurement) -> str:
    """How to read the table."""
    shares = (
        "Shares are of the queries that some capability covers. Intervals are 95%, by subject (Korn and Graubard); "
        "* where the brief's share lies outside.\n"
    )
    if m.confusion is None:
        return (
            f"{shares}Not corrected for the tagger's errors: a capability's only exemplar cannot be held out."
        )
    return (
        f"{shares}Corrected by the tagger's errors on {m.confusion.total} held-out exemplars "
        f"({m.confusion.right:.1%} right, {m.confusion.untagged:.1%} untagged). What no capability covers is taken "
        "to be left untagged; whatever of it resembles an exemplar all the same inflates a share, unseen from here."
    )
