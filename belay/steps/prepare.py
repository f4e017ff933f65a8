"""The base model as a step of the command line and the demo."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from belay.home import Home
from belay.progress import bar
from serving.models.base_model import prepare_base_model
from serving.models.manifest import read_manifest
from serving.models.store import ModelStore, StoredModel


def base_of(home: Home, name: str | None, console: Console) -> StoredModel:
    """The base called `name`, or the only one there is; the shipped one, made now, where there is none at all."""
    store = ModelStore(home.models)
    if name is None and not any(store.every("base")):
        prepare(home, console)
    return store.base(name)


def prepare(home: Home, console: Console) -> Path:
    """The base model's folder, made where it is not there yet."""
    with bar(console, "   base model") as report:
        folder = prepare_base_model(home.base_model, report)
    manifest = read_manifest(folder)
    console.print(f"   {manifest.name}, sha256 {manifest.sha256[:12]}, answers its known question")
    return folder
