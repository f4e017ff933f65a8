from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import ClassVar

import pytest
from prometheus_client.parser import text_string_to_metric_families

from telemetry.errors import UsageError
from tests.places import ROOT
from trainer.watching import trackers
from trainer.watching.prometheus import FIGURES, Prometheus
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


def figures(file: Path) -> dict[str, float]:
    return {
        sample.name.removeprefix("belay_training_"): sample.value
        for family in text_string_to_metric_families(file.read_text())
        for sample in family.samples
        if sample.labels == {"run": "c"}
    }


def test_prometheus_gets_every_number_that_there_is_and_how_fast_it_goes(tmp_path: Path) -> None:
    both = Trackers(("prometheus",), tmp_path, "c")
    pace = {"steps": 30, "steps_per_second": 2.0, "seconds_left": 14.0}
    both.log(2, {"loss": 0.5, "kl": None, "gradient_norm": 1.5} | pace)
    file = tmp_path / "prometheus" / "c.prom"
    found = figures(file)
    updated = found.pop("updated_timestamp_seconds")
    assert found == {
        "running": 1.0,
        "step": 2.0,
        "steps_planned": 30.0,
        "steps_per_second": 2.0,
        "left_seconds": 14.0,
        "loss": 0.5,
        "gradient_norm": 1.5,
    }
    both.log(3, {"target": 0.9, "retention": 0.8, "target_kl": 0.25})
    both.close()
    ended = figures(file)
    assert (ended["running"], ended["target_ratio"], ended["retention_ratio"]) == (0.0, 0.9, 0.8)
    assert ended["target_kl"] == 0.25
    assert ended["updated_timestamp_seconds"] >= updated
    assert [path.name for path in file.parent.iterdir()] == ["c.prom"]


def test_prometheus_file_is_written_once_a_second_at_most(tmp_path: Path) -> None:
    moment = [100.0]
    tool = Prometheus(tmp_path, "c", lambda: moment[0])
    seen = []
    for step, now in ((1, 100.0), (2, 100.5), (3, 101.0)):
        moment[0] = now
        tool.log(step, {"loss": 1.0})
        seen.append(figures(tmp_path / "c.prom")["step"])
    assert seen == [1.0, 1.0, 3.0]


def test_what_is_told_of_the_pace_is_told_to_prometheus_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Kept.made = []
    monkeypatch.setattr(trackers, "_TOOLS", {"tensorboard": ("x", Kept), "prometheus": ("y", Kept)})
    both = Trackers(("tensorboard", "prometheus"), tmp_path, "c")
    both.log(1, {"loss": 0.5, "steps_per_second": 2.0})
    assert [tool.told for tool in Kept.made] == [
        [(1, {"loss": 0.5})],
        [(1, {"loss": 0.5, "steps_per_second": 2.0})],
    ]


def test_every_figure_of_a_training_is_on_its_page_and_no_other() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    section = page.split("### Trainer\n")[1].split("\n### ")[0]
    named = set(re.findall(r"^\| `belay_training_(\w+)` \|", section, re.MULTILINE))
    assert named == {metric for metric, _ in FIGURES.values()} | {
        "step",
        "running",
        "updated_timestamp_seconds",
    }
