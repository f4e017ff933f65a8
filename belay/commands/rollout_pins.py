"""`belay rollout pins` and `unpin`: the models that a rollout keeps from being replaced or removed."""

from __future__ import annotations

from rich.table import Table

from belay.commands.control_options import Named, Reason, RolloutId
from belay.commands.options import HOME, HomeFolder
from belay.home import Home
from belay.progress import console_of
from serving.models.pins import pinned_folders, read_pins, release_by_hand
from telemetry.errors import UsageError


def pins(home: HomeFolder = HOME) -> None:
    """Show the models that may not be replaced or removed, by which rollout and until when.

    Example: `belay rollout pins`
    """
    models = Home(home.resolve()).models
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("rollout", "since", "until", "model", "folder"):
        table.add_column(heading)
    folders = [(pin.rollout_id, folder) for folder, pin in pinned_folders(models)]
    found = read_pins(models)
    for pin in found:
        until = "it ends" if pin.until is None else f"{pin.until:%Y-%m-%d %H:%M}"
        names = ", ".join(dict.fromkeys(model.name for model in pin.models))
        held = ", ".join(str(folder.name) for rollout, folder in folders if rollout == pin.rollout_id)
        table.add_row(pin.rollout_id, f"{pin.since:%Y-%m-%d %H:%M}", until, names, held or "not here")
    console_of().print(table if found else f"Nothing is pinned in {models}.")


def unpin(rollout_id: RolloutId, by: Named, reason: Reason, home: HomeFolder = HOME) -> None:
    """Release a rollout's models by hand, where it is over and nobody could say so (its control was killed).

    Example: `belay rollout unpin ROLLOUT --by Ada --reason "its control is gone"`
    """
    models = Home(home.resolve()).models
    if not release_by_hand(models, rollout_id, by, reason):
        known = ", ".join(pin.rollout_id for pin in read_pins(models)) or "none"
        raise UsageError(
            f"no rollout {rollout_id!r} pins anything in {models}; known are {known}",
            hint="`belay rollout pins` lists them; --home says where the models lie.",
        )
    console_of().print(f"The models of rollout {rollout_id} are pinned no more.")
