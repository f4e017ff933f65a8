"""The settings that each process of a route would run with, as `belay config show` tells them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from pydantic import BaseModel

from belay.launcher.parts import stack_settings
from belay.launcher.processes import processes_of
from belay.launcher.routes import Route
from belay.project import load_project
from belay.wiring import WatchSettings
from router.control.settings import ControlSettings
from router.proxy.settings import RouterSettings
from telemetry.forwarding.forwarder import ForwardSettings
from telemetry.settings_shown import Shown, shown_content, shown_file

KINDS: Final[Mapping[str, type[BaseModel]]] = MappingProxyType(
    {
        "control": ControlSettings,
        "router": RouterSettings,
        "forwarder": ForwardSettings,
        "worker": WatchSettings,
    }
)


def kind_of(process: str) -> type[BaseModel]:
    """The settings that a process takes, by its name; those of several workers begin alike (`worker.ROUTE`)."""
    return KINDS[process.partition(".")[0]]


def of_project(file: Path, process: str | None = None) -> dict[str, list[Shown]]:
    """What `belay up` would start each process with, or one of them. Raises SettingsError as that process would."""
    contents = {p.name: p.content for p in processes_of(stack_settings(Route.of(load_project(file))))}
    names = list(contents) if process is None else [process]
    return {name: shown_content(contents[name], kind_of(name), str(file)) for name in names}


def of_file(settings: Path, process: str) -> dict[str, list[Shown]]:
    """What a process has that is started with this settings file. Raises SettingsError as that process would."""
    return {process: shown_file(settings, KINDS[process])}
