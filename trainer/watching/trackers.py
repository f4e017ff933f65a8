"""Tells other tools of a training's numbers: TensorBoard, MLflow, W&B, Prometheus, where installed and asked for.

All of them write to a folder on this machine; nothing is sent anywhere. Off unless the settings name them (`track`).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from telemetry.errors import UsageError
from trainer.config import Tracker as Name
from trainer.watching.numbers import Numbers
from trainer.watching.prometheus import PACE, Prometheus


class Tracker(Protocol):
    """One tool."""

    def log(self, step: int, numbers: Numbers) -> None:
        """Take the numbers of one step."""
        ...

    def close(self) -> None:
        """Write what is left."""
        ...


class TensorBoard:
    """Event files, for `tensorboard --logdir`."""

    def __init__(self, folder: Path, run: str) -> None:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - only where it is asked for

        self._writer: Any = SummaryWriter(str(folder / run))

    def log(self, step: int, numbers: Numbers) -> None:
        """Take the numbers of one step."""
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()


class MLflow:
    """A file store, for `mlflow ui --backend-store-uri`."""

    def __init__(self, folder: Path, run: str) -> None:
        import mlflow  # noqa: PLC0415 - as above

        folder.mkdir(parents=True, exist_ok=True)
        self._client: Any = mlflow.MlflowClient(tracking_uri=f"sqlite:///{folder.absolute()}/mlflow.db")
        found = self._client.get_experiment_by_name("belay")
        where = f"file://{folder.absolute()}/artifacts"
        experiment = found.experiment_id if found else self._client.create_experiment("belay", where)
        self._run: str = self._client.create_run(experiment, run_name=run).info.run_id

    def log(self, step: int, numbers: Numbers) -> None:
        """Take the numbers of one step."""
        for name, value in numbers.items():
            self._client.log_metric(self._run, name, value, step=step)

    def close(self) -> None:
        """Mark the run as finished."""
        self._client.set_terminated(self._run)


class WandB:
    """An offline run, which `wandb sync` may send later, by whoever wants that."""

    def __init__(self, folder: Path, run: str) -> None:
        import wandb  # noqa: PLC0415 - as above

        folder.mkdir(parents=True, exist_ok=True)
        self._run: Any = wandb.init(project="belay", name=run, dir=str(folder), mode="offline")

    def log(self, step: int, numbers: Numbers) -> None:
        """Take the numbers of one step."""
        self._run.log(dict(numbers), step=step)

    def close(self) -> None:
        """Write what is left."""
        self._run.finish()


_TOOLS: Final[dict[Name, tuple[str, Callable[[Path, str], Tracker]]]] = {
    "tensorboard": ("tensorboard", TensorBoard),
    "mlflow": ("mlflow", MLflow),
    "wandb": ("wandb", WandB),
    "prometheus": ("prometheus_client", Prometheus),
}


def require_installed(names: Sequence[Name]) -> None:
    """Raise UsageError, before anything is trained, for a tool that is asked for and not installed."""
    for name in names:
        package = _TOOLS[name][0]
        if importlib.util.find_spec(package) is None:
            raise UsageError(
                f"track names {name}, and the package {package} is not installed",
                hint=f"Install {package}, or leave {name} out of track.",
            )


class Trackers:
    """All tools that the settings name, as one; each writes below `folder`."""

    def __init__(self, names: Sequence[Name], folder: Path, run: str) -> None:
        self._tools = {name: _TOOLS[name][1](folder / name, run) for name in names}

    def log(self, step: int, numbers: Mapping[str, float | None]) -> None:
        """Tell all of them the numbers that there are."""
        known = {name: value for name, value in numbers.items() if value is not None}
        without = {name: value for name, value in known.items() if name not in PACE}
        for name, tool in self._tools.items():
            tool.log(step, known if name == "prometheus" else without)

    def close(self) -> None:
        """Write what is left."""
        for tool in self._tools.values():
            tool.close()
