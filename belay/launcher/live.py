"""The live terminal view: share, requests per arm, evidence per capability against its threshold, events."""

from __future__ import annotations

import math

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from belay.launcher.rollout_run import Tick
from belay.launcher.traffic import TrafficCount
from belay.launcher.view import StackView
from telemetry.events import CapabilityEvidence

_BAR_WIDTH = 22
_STATUS_STYLE = {
    "shadow": "bold magenta",
    "ramping": "bold cyan",
    "paused": "bold yellow",
    "rolled_back": "bold white on red",
    "promoted": "bold green",
}


def render(tick: Tick) -> RenderableType:
    """The whole view for one moment."""
    view = tick.view
    return Panel(
        Group(_head(tick), _arms(view), _evidence(view), _events(tick)),
        title=f"belay: rollout {view.rollout_id}",
        title_align="left",
        border_style="red" if view.status == "rolled_back" else "cyan",
    )


def line(tick: Tick) -> str:
    """The same moment on one line, for logs."""
    view, traffic = tick.view, tick.traffic
    return (
        f"{view.status} share {view.share:.0%} | answered {traffic.answered}/{traffic.planned}, {_left(traffic)} | "
        f"control {view.requests.get('control', 0)} candidate {view.requests.get('candidate', 0)} | "
        f"settled {view.settled} | evidence {view.combined:.3g} of {view.bar:.0f}"
    )


def _head(tick: Tick) -> RenderableType:
    view = tick.view
    text = Text()
    text.append(f" {view.status.replace('_', ' ')} ", style=_STATUS_STYLE.get(view.status, "bold"))
    text.append(f"  stage {view.stage + 1} of {view.stages}   candidate's share ")
    text.append(f"{view.share:.0%}", style="bold")
    if view.reason:
        text.append(f"   {view.reason}", style="dim")
    return text


def _arms(view: StackView) -> RenderableType:
    text = Text()
    text.append(f" control {view.requests.get('control', 0):>6,}", style="blue")
    text.append(f"   candidate {view.requests.get('candidate', 0):>6,}", style="yellow")
    drawn = f" ({view.shadow_draw.partition(':')[0]})" if view.shadow_draw else ""
    text.append(f"   fallbacks to base {view.fallbacks}   pairs asked {view.shadows}{drawn}", style="dim")
    return text


def _evidence(view: StackView) -> RenderableType:
    table = Table(box=None, padding=(0, 1), expand=False)
    for name, align in (
        ("capability", "left"),
        ("control", "right"),
        ("candidate", "right"),
        ("pairs", "right"),
        ("drop", "right"),
        ("allowed", "right"),
        ("evidence", "left"),
        ("", "right"),
    ):
        table.add_column(name, justify=align)  # type: ignore[arg-type]  # the literals above are its values
    for row in view.evidence:
        table.add_row(
            _name(row),
            _mean(row.control.mean, row.control.n),
            _mean(row.candidate.mean, row.candidate.n),
            str(row.pairs),
            _drop(row),
            _allowed(row),
            _bar(row.weight * row.e_value, view.bar) if row.watched else Text(_unwatched(row), style="dim"),
            f"{row.weight * row.e_value:.3g}" if row.watched else "",
        )
    table.add_row(
        Text("all together", style="bold"),
        "",
        "",
        "",
        "",
        "",
        _bar(view.combined, view.bar),
        f"{view.combined:.3g}",
    )
    return table


def _name(row: CapabilityEvidence) -> Text:
    """The capability, and below it what people's grades make of its judge."""
    name = Text(row.capability.replace("_", " "), style="" if row.watched else "dim")
    return name if row.people is None else name.append(f"\n{row.people.told()}", style="dim")


def _unwatched(row: CapabilityEvidence) -> str:
    """Why no evidence is shown, as far as a line has room; spec, proof and closing page have all of it."""
    return (row.unwatched or "not watched").partition(":")[0]


def _mean(mean: float | None, n: int) -> str:
    return "-" if mean is None else f"{100 * mean:3.0f} ({n})"


def _allowed(row: CapabilityEvidence) -> str:
    """The test's threshold in points, and the brief's where a judge's error moved it."""
    own = "" if row.tolerated is None else f" ({100 * row.tolerated:.0f})"
    return f"{100 * row.threshold:.0f}{own}"


def _drop(row: CapabilityEvidence) -> Text:
    if row.control.mean is None or row.candidate.mean is None:
        return Text("-", style="dim")
    drop = 100 * (row.control.mean - row.candidate.mean)
    return Text(f"{drop:+.0f}", style="red" if drop > 100 * row.threshold else "green")


def _bar(value: float, bar: float) -> RenderableType:
    """A bar on a log scale from a tenth of nothing to the bar itself."""
    low, high = math.log(0.1), math.log(bar)
    filled = (min(max(math.log(max(value, 1e-9)), low), high) - low) / (high - low)
    style = "red" if value >= bar else "yellow" if filled > 0.6 else "cyan"
    return ProgressBar(total=1.0, completed=filled, width=_BAR_WIDTH, complete_style=style)


def _left(traffic: TrafficCount) -> str:
    seconds = traffic.left_s
    return (
        "time left unknown" if seconds is None else f"at most {seconds // 60:.0f}:{seconds % 60:02.0f} left"
    )


def _events(tick: Tick) -> RenderableType:
    view, traffic = tick.view, tick.traffic
    text = Text(style="dim")
    text.append(
        f" answered {traffic.answered:,} of {traffic.planned:,}, {traffic.rate:.1f}/s, {_left(traffic)}"
    )
    if traffic.failed:
        text.append(f" (failed {traffic.failed})", style="red")
    text.append(
        f"   spooled {view.spooled:,}   in Kafka {view.forwarded:,}   scores settled {view.settled:,} "
        f"(unscored {view.unscored:,})   decisions {view.decisions}"
    )
    return text
