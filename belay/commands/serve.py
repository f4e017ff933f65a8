"""`belay serve`: a model and its adapters behind one vLLM."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from belay.commands.completing import models
from belay.commands.options import HOME, HomeFolder, PortOption
from belay.commands.processes import stop_on_signals
from belay.engines import engine_settings
from belay.home import Home
from belay.logs import log_to_stderr
from serving.engines.placement import Place, placement, visible_cards
from serving.engines.plans import EnginePlan
from serving.engines.vllm_engine import VllmEngine, engine_cards
from serving.models.store import ModelStore, StoredModel
from telemetry.errors import InfrastructureError, UsageError


def serve(
    model: Annotated[
        str,
        typer.Argument(
            help="A model's name in the home, or its folder with a manifest.", autocompletion=models()
        ),
    ],
    adapter: Annotated[
        list[str] | None,
        typer.Option(
            "--adapter",
            help="An adapter to serve beside its base, by NAME@SHA256; may be repeated.",
            autocompletion=models("adapter"),
        ),
    ] = None,
    port: PortOption = 8001,
    name: Annotated[str, typer.Option(help="The model's name as clients ask for it.")] = "support",
    cores: Annotated[
        str, typer.Option(help="The cores of the model's threads on a CPU: `0-3`; `auto` takes all.")
    ] = "auto",
    memory: Annotated[
        float | None,
        typer.Option(
            min=0.01, max=1.0, help="The share of a GPU's memory that it may take, so that engines share one."
        ),
    ] = None,
    gpu: Annotated[
        str | None,
        typer.Option(help="The GPU, as CUDA_VISIBLE_DEVICES names it; the first where nothing is said."),
    ] = None,
    home: HomeFolder = HOME,
) -> None:
    """Serve one model with vLLM until interrupted, its adapters beside it; refuses files whose hash differs.

    Example: `belay serve base --port 8001` or `belay serve mine --adapter my-lora --name support`
    """
    log_to_stderr()
    stop = stop_on_signals()
    store, console = ModelStore(home.resolve() / "models"), Console(stderr=True)
    served = StoredModel.at(Path(model)) if "/" in model or Path(model).is_dir() else store.get(model)
    plan = EnginePlan(served, tuple(_adapter(store, one, served) for one in adapter or ()))
    log = Home(home.resolve()).logs / f"vllm-{served.name}-{port}.log"
    settings = engine_settings(plan, port=port, alias=name, log=log, cores=cores, place=_place(gpu, memory))
    with VllmEngine(settings) as engine:
        engine.wait_healthy()
        console.print(f"belay: {served.name} answers at {engine.url}/v1 as {name!r}", soft_wrap=True)
        for one in plan.adapters:
            console.print(f"belay: {one.name} answers there as {one.served_name!r}", soft_wrap=True)
        while not stop.wait(0.5):
            if not engine.alive():
                raise InfrastructureError(
                    f"the engine of {served.name} died", hint=f"Its log is {engine.settings.log_file}."
                )


def _place(gpu: str | None, memory: float | None) -> Place:
    """Where this engine runs. Raises UsageError where there is no such GPU for it."""
    found = engine_cards()
    chosen = found if gpu is None else visible_cards(found, gpu)[:1]
    if gpu is not None and not chosen:
        known = (
            ", ".join(card.token for card in found)
            or "none: vLLM here is for a CPU, or the driver lists none"
        )
        raise UsageError(f"there is no GPU {gpu!r} for an engine here", hint=f"There are: {known}.")
    (place,) = placement(1, chosen, memory)
    return place


def _adapter(store: ModelStore, name: str, base: StoredModel) -> StoredModel:
    found = store.get(name)
    if found.manifest.kind != "adapter":
        raise UsageError(
            f"{name!r} is a {found.manifest.kind}, expected an adapter",
            hint="Serve it as a model of its own.",
        )
    if found.manifest.base_sha256 != base.manifest.sha256:
        raise UsageError(
            f"{name!r} is an adapter of base {str(found.manifest.base_sha256)[:12]}, {base.name!r} is "
            f"{base.manifest.sha256[:12]}",
            hint=f"Serve it beside its own base: `belay serve {store.base_of(found).name} --adapter {name}`.",
        )
    return found
