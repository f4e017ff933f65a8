"""Another model behind a URL rolls the rollout back; an engine that is away does not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from router.control.actor import Control
from router.control.attesting import ACTOR, Attesting
from router.control.health import Pulse
from serving.engines.identity import Comparison
from serving.models.manifest import EngineOfOthers, write_manifest
from serving.models.store import StoredModel
from telemetry.errors import EngineFailed
from telemetry.events import ModelRef
from tests.router.values import spec

SAME = Comparison(same=True, gap=0.0, alike=1.0, told="the same")
OTHER = Comparison(same=False, gap=0.3, alike=0.5, told="0.3 nats apart")
AWAY = EngineFailed("nobody there")


def of_others(models: Path, name: str) -> ModelRef:
    folder = models / name
    folder.mkdir(parents=True)
    (folder / "identity.json").write_text(name)
    engine = EngineOfOthers(url="http://far", model=name)
    return write_manifest(folder, kind="candidate", name=name, engine=engine).ref


def attesting(
    control: Control, models: Path, *said: Comparison | EngineFailed
) -> tuple[Attesting, list[str]]:
    """One that hears `said`, in turn, of whichever model it asks about; and the names that it asked."""
    answers: Iterator[Comparison | EngineFailed] = iter(said)
    asked: list[str] = []

    def check(model: StoredModel) -> Comparison:
        asked.append(model.name)
        answer = next(answers)
        if isinstance(answer, EngineFailed):
            raise answer
        return answer

    return Attesting(control, models, check), asked


def test_a_model_that_was_exchanged_is_rolled_back_at_the_second_look(
    control: Control, tmp_path: Path
) -> None:
    control.start(spec(candidate=of_others(tmp_path / "models", "far")))
    watch, asked = attesting(control, tmp_path / "models", SAME, OTHER, OTHER)
    for status in ("ramping", "ramping", "rolled_back"):
        watch.look()
        assert control.current() is not None
        assert control.current().status == status
    assert asked == ["far"] * 3
    assert control.current() is not None
    assert control.current().actor == ACTOR
    assert "0.3 nats apart" in control.current().reason


@pytest.mark.parametrize("between", [SAME, AWAY])
def test_one_strange_answer_alone_changes_nothing(
    between: Comparison | EngineFailed, control: Control, tmp_path: Path
) -> None:
    control.start(spec(candidate=of_others(tmp_path / "models", "far")))
    watch, _ = attesting(control, tmp_path / "models", OTHER, between, SAME)
    for _ in range(3):
        watch.look()
    assert control.current() is not None
    assert control.current().live


def test_a_look_that_ends_in_a_mistake_is_an_alarm_and_the_next_one_comes(
    control: Control, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    control.start(spec(candidate=of_others(tmp_path / "models", "far")))
    stop, asked, pulse = threading.Event(), [], Pulse("attesting")

    def check(model: StoredModel) -> Comparison:
        asked.append(model.name)
        if len(asked) == 1:
            raise RuntimeError("a mistake of ours")
        stop.set()
        return SAME

    Attesting(control, tmp_path / "models", check, pulse).run(0.01, stop)
    assert (asked, pulse.alarms) == (["far", "far"], 1)
    assert "RuntimeError: a mistake of ours" in caplog.text


def test_base_is_asked_about_as_well(control: Control, tmp_path: Path) -> None:
    control.start(spec(base=of_others(tmp_path / "models", "far-base")))
    watch, asked = attesting(control, tmp_path / "models", OTHER, OTHER)
    watch.look()
    watch.look()
    assert asked == ["far-base"] * 2
    assert control.current() is not None
    assert not control.current().live


def test_models_of_ours_and_those_of_no_live_rollout_are_not_asked(control: Control, tmp_path: Path) -> None:
    of_others(tmp_path / "models", "bystander")
    watch, asked = attesting(control, tmp_path / "models")
    watch.look()
    control.start(spec())
    watch.look()
    assert asked == []


def test_a_model_of_two_live_rollouts_is_counted_once_a_look_for_each(
    control: Control, tmp_path: Path
) -> None:
    far = of_others(tmp_path / "models", "far-base")
    control.start(spec(base=far))
    control.start(spec(base=far, rollout_id="r2", route="sql"))
    watch, asked = attesting(control, tmp_path / "models", OTHER, OTHER, OTHER, OTHER)
    watch.look()
    assert all(state.live for state in control.standing)
    watch.look()
    assert [state.status for state in control.standing] == ["rolled_back", "rolled_back"]
    assert asked == ["far-base"] * 4
