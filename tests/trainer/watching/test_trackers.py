from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import ClassVar

import pytest

from telemetry.errors import UsageError
from trainer.watching import trackers
from trainer.watching.trackers import Trackers, require_installed


class Kept:
    """A tool that keeps what it is told."""

    made: ClassVar[list[Kept]] = []

    def __init__(self, folder: Path, run: str) -> None:
        self.folder, self.run, self.closed = folder, run, False
        self.told: list[tuple[int, dict[str, float]]] = []
        Kept.made.append(self)

    def log(self, step: int, numbers: dict[str, float]) -> None:
        self.told.append((step, dict(numbers)))

    def close(self) -> None:
        self.closed = True


def test_every_tool_that_is_named_is_told_the_numbers_that_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Kept.made = []
    monkeypatch.setattr(trackers, "_TOOLS", {"tensorboard": ("x", Kept), "wandb": ("y", Kept)})
    both = Trackers(("tensorboard", "wandb"), tmp_path, "c")
    both.log(3, {"loss": 0.5, "kl": None})
    both.close()
    assert [(tool.folder, tool.run, tool.closed) for tool in Kept.made] == [
        (tmp_path / "tensorboard", "c", True),
        (tmp_path / "wandb", "c", True),
    ]
    assert all(tool.told == [(3, {"loss": 0.5})] for tool in Kept.made)


def test_without_any_nothing_is_written(tmp_path: Path) -> None:
    none = Trackers((), tmp_path, "c")
    none.log(1, {"loss": 1.0})
    none.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["tensorboard", "mlflow", "wandb"])
def test_a_tool_that_is_not_installed_is_refused_by_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=f"names {name}, and the package {name} is not installed"):
        require_installed((name,))  # type: ignore[arg-type]


def test_tensorboard_gets_every_number(tmp_path: Path) -> None:
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    _tracked("tensorboard", tmp_path)
    found = events.EventAccumulator(str(tmp_path / "tensorboard" / "c"))
    found.Reload()
    assert [(e.step, round(e.value, 3)) for e in found.Scalars("loss")] == [(1, 1.0), (2, 0.5)]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the SQL library that mlflow uses
def test_mlflow_gets_every_number(tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    _tracked("mlflow", tmp_path)
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/mlflow/mlflow.db")
    [run] = client.search_runs([client.get_experiment_by_name("belay").experiment_id])
    assert [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, "loss")] == [
        (1, 1.0),
        (2, 0.5),
    ]
    assert run.info.status == "FINISHED"


def test_wandb_keeps_an_offline_run(tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    _tracked("wandb", tmp_path)
    assert list((tmp_path / "wandb").glob("wandb/offline-run-*/*.wandb"))


def _tracked(name: str, folder: Path) -> None:
    tool = Trackers((name,), folder, "c")  # type: ignore[arg-type]
    tool.log(1, {"loss": 1.0})
    tool.log(2, {"loss": 0.5})
    tool.close()
