"""How a rollout's state is shown in the terminal."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from rich.table import Table

from belay.progress import console_of
from belay.steps.control_client import not_control


def show_state(state: Any, url: str) -> None:
    """Show what control answered. Raises InfrastructureError where it is no rollout's state."""
    try:
        spec = state["spec"]
        rows = _rows(state, spec)
    except (KeyError, TypeError, ValueError) as error:
        raise not_control(url, str(state)) from error
    table = Table(show_header=False, box=None)
    for name, value in rows:
        table.add_row(name, value)
    console_of().print(table)


def _rows(state: dict[str, Any], spec: dict[str, Any]) -> list[tuple[str, str]]:
    stages = " -> ".join("shadow" if s["share"] == 0 else f"{s['share']:.0%}" for s in spec["stages"])
    rows = [
        ("rollout", str(spec["rollout_id"])),
        *([("route", str(spec["route"]))] if "route" in spec else []),
        ("candidate", str(spec["candidate"]["name"])),
        ("stages", stages),
    ]
    names = ("status", "stage", "share", "revision", "since", "actor", "reason")
    rows += [(name, str(state[name])) for name in names]
    if state["status"] == "promoted":
        until = datetime.fromisoformat(state["since"]) + timedelta(days=spec["rollback_window_days"])
        rows.append(("rollback", f"possible until {until:%Y-%m-%d %H:%M} UTC"))
    if allotment := state.get("allotment"):
        parts = [f"{name} {fraction:.0%}" for name, fraction in allotment["by_capability"].items()]
        rows.append(("shadows", f"{', '.join(parts)}; other prompts {allotment['otherwise']:.0%}"))
    elif spec.get("shadow"):
        rows.append(("shadows", f"{spec['shadow']:.0%} of all prompts, evenly"))
    return rows
