"""Another model than an arm's starts no rollout and ends a live one; an engine that is away does not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from router.control.actor import Control
from router.control.attesting import ACTOR, Attesting
from router.control.health import Pulse
from router.control.rollout import RollBack
from router.control.settings import ArmsOfRoute, AttestationPolicy
from router.control.spec_checks import SpecRefused
from serving.engines.arms import Endpoint
from serving.engines.attestation import Attestation
from serving.engines.who_answers import Served
from serving.models.manifest import EngineOfOthers, bind_audit, write_manifest
from telemetry.errors import AttestationError, BelayError, EngineFailed
from telemetry.events import DEFAULT_ROUTE, ModelRef, RolloutSpec
from tests.router.values import spec

SAME = Attestation(state="attested", told="the same")
OTHER = Attestation(state="refused", told="0.3 nats apart")
UNKNOWN = Attestation(state="unknown", told="no reference of it was kept")
AWAY = EngineFailed("nobody there")
TAMPERED = AttestationError("the reference was changed")


def of_others(models: Path, name: str) -> ModelRef:
    folder = models / name
    folder.mkdir(parents=True)
    (folder / "identity.json").write_text(name)
    engine = EngineOfOthers(url="http://far", model=name)
    return write_manifest(folder, kind="candidate", name=name, engine=engine).ref


def attesting(
    control: Control, models: Path, *said: Attestation | EngineFailed
) -> tuple[Attesting, list[str]]:
    """One that hears `said`, in turn, of whichever model it asks about; and the names that it asked."""
    answers: Iterator[Attestation | EngineFailed] = iter(said)
    asked: list[str] = []

    def check(served: Served) -> Attestation:
        asked.append(served.model.name)
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


@pytest.mark.parametrize("between", [SAME, UNKNOWN, AWAY])
def test_one_strange_answer_alone_changes_nothing(
    between: Attestation | EngineFailed, control: Control, tmp_path: Path
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

    def check(served: Served) -> Attestation:
        asked.append(served.model.name)
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


def of_ours(models: Path, name: str) -> ModelRef:
    folder = models / name
    folder.mkdir(parents=True)
    (folder / "weights").write_text(name)
    ref = write_manifest(folder, kind="base" if name == "base" else "adapter", name=name).ref
    bind_audit(folder, spec().audit)
    return ref


ARMS = {
    DEFAULT_ROUTE: ArmsOfRoute(
        control=Endpoint(arm="control", urls=("http://a:1", "http://b:1")),
        candidate=Endpoint(arm="candidate", url="http://a:1", model="lora@0123"),
    )
}


def test_each_replica_of_both_arms_is_asked_under_the_name_that_it_has(
    control: Control, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    base, lora = of_ours(models, "base"), of_ours(models, "lora")
    asked: list[tuple[str, str, str, str | None]] = []

    def check(served: Served) -> Attestation:
        beside = served.base.model.name if served.base else None
        asked.append((served.model.name, served.address.root, served.address.model, beside))
        return SAME

    rollout = spec(base=base, candidate=lora)
    Attesting(control, models, check, arms=ARMS).require(rollout)
    assert asked == [
        ("base", "http://a:1", rollout.model_alias, None),
        ("base", "http://b:1", rollout.model_alias, None),
        ("lora", "http://a:1", "lora@0123", "base"),
    ]


def test_a_candidate_that_is_base_itself_is_compared_with_no_base(control: Control, tmp_path: Path) -> None:
    base = of_ours(tmp_path / "models", "base")
    asked: list[Served] = []

    def check(served: Served) -> Attestation:
        asked.append(served)
        return SAME

    Attesting(control, tmp_path / "models", check, arms=ARMS).require(spec(base=base, candidate=base))
    assert [served.base for served in asked] == [None] * 3


@pytest.mark.parametrize(
    ("found", "policy", "starts"),
    [
        (SAME, "warn", True),
        (UNKNOWN, "warn", True),
        (AWAY, "warn", True),
        (OTHER, "warn", False),
        (TAMPERED, "warn", False),
        (SAME, "require", True),
        (UNKNOWN, "require", False),
        (AWAY, "require", False),
        (OTHER, "require", False),
    ],
)
def test_a_rollout_of_another_model_never_starts_and_one_that_nobody_can_tell_by_policy(
    found: Attestation | BelayError,
    policy: AttestationPolicy,
    starts: bool,
    control: Control,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    models = tmp_path / "models"
    rollout = spec(base=of_ours(models, "base"), candidate=of_ours(models, "lora"))
    said = [SAME, SAME, found]

    def check(_served: Served) -> Attestation:
        answer = said.pop(0)
        if isinstance(answer, BelayError):
            raise answer
        return answer

    control.before_start.append(Attesting(control, models, check, arms=ARMS, policy=policy).require)
    if starts:
        assert control.start(rollout).live
        assert ("WARNING" in caplog.text) == (found is not SAME)
        return
    told = found.message if isinstance(found, BelayError) else found.told
    with pytest.raises(SpecRefused, match=told) as refused:
        control.start(rollout)
    assert "lora@0123" in refused.value.message
    assert control.current() is None


def test_an_engine_that_gets_another_adapter_under_way_is_rolled_back(
    control: Control, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    control.start(spec(base=of_ours(models, "base"), candidate=of_ours(models, "lora")))

    def check(served: Served) -> Attestation:
        return OTHER if served.model.name == "lora" else SAME

    watch = Attesting(control, models, check, arms=ARMS)
    watch.look()
    assert control.standing[0].live
    watch.look()
    assert control.standing[0].status == "rolled_back"
    assert "lora@0123" in control.standing[0].reason


def test_a_rollback_of_another_route_does_not_wait_for_engines_that_are_asked(control: Control) -> None:
    control.start(spec())
    asking, done = threading.Event(), threading.Event()

    def slow(_spec: RolloutSpec) -> None:
        asking.set()
        assert done.wait(30)

    control.before_start.append(slow)
    starting = threading.Thread(target=lambda: control.start(spec(rollout_id="r2", route="sql")))
    starting.start()
    try:
        assert asking.wait(30)
        assert (
            control.act(control.standing[0].spec.rollout_id, RollBack("Ada", "now")).status == "rolled_back"
        )
    finally:
        done.set()
        starting.join()
    assert control.current("sql") is not None
