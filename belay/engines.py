"""The engines of an offline command: started for the models that it asks, stopped when it ends."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final

from rich.console import Console

from belay.progress import bar
from serving.engines.address import ModelAddress
from serving.engines.placement import Place, placement
from serving.engines.plans import EnginePlan, engine_plans
from serving.engines.vllm_engine import EngineSettings, VllmEngine, engine_cards
from serving.models.adapter import lora_rank
from serving.models.store import ModelStore, StoredModel
from serving.server import free_port

_CPU: Final = Place()


class Engines:
    """Starts engines and remembers what answers where. Use as a context manager.

    A base and its adapters are one engine. A model that others run is at its own address, and nothing is started.
    """

    def __init__(self, store: ModelStore, alias: str, logs: Path, console: Console) -> None:
        self._store, self._alias, self._logs, self._console = store, alias, logs, console
        self._parts = ExitStack()
        self._running: list[tuple[EnginePlan, VllmEngine]] = []

    def __enter__(self) -> Engines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._parts.close()

    def serve(self, models: Sequence[StoredModel]) -> list[ModelAddress]:
        """Where each of `models` answers; engines are started for those that nothing serves yet.

        Raises AttestationError, PortTaken and EngineFailed.
        """
        missing = [model for model in models if self._found(model) is None]
        plans = engine_plans(missing, self._store)
        places = placement(len(self._running) + len(plans), engine_cards())[len(self._running) :]
        for plan, place in zip(plans, places, strict=True):
            self._start(plan, place)
        return [found for model in models if (found := self._found(model)) is not None]

    def _found(self, model: StoredModel) -> ModelAddress | None:
        if model.manifest.engine is not None:
            return ModelAddress.of(model.manifest.engine)
        for plan, engine in self._running:
            if plan.serves(model):
                return ModelAddress(engine.url, plan.name_of(model, self._alias))
        return None

    def _start(self, plan: EnginePlan, place: Place) -> None:
        named = " + ".join([plan.model.name, *(adapter.name for adapter in plan.adapters)])
        settings = engine_settings(
            plan,
            port=free_port(),
            alias=self._alias,
            log=self._logs / f"vllm-{plan.model.name}.log",
            place=place,
        )
        with bar(self._console, f"   vLLM with {named}") as report:
            engine = self._parts.enter_context(VllmEngine(settings))
            engine.wait_healthy(report)
        self._running.append((plan, engine))


def engine_settings(
    plan: EnginePlan, *, port: int, alias: str, log: Path, cores: str = "auto", place: Place = _CPU
) -> EngineSettings:
    """The settings of the engine that serves `plan`: its adapters under their names, with room for the largest."""
    ranks = [lora_rank(adapter.folder) for adapter in plan.adapters]
    return EngineSettings(
        folder=plan.model.folder,
        served_name=alias,
        port=port,
        log_file=log,
        adapters={adapter.served_name: adapter.folder for adapter in plan.adapters},
        max_lora_rank=max(ranks, default=16),
        threads_bind=cores,
        place=place,
    )
