"""`belay repair` on a real broker and a real, tiny model: naive fine-tune, rollback, repair."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from rich.console import Console

from belay.home import Home
from belay.launcher.embedded_broker import EmbeddedBroker
from belay.steps.repair import RepairSettings, repair
from evaluator.audit.baseline import Baseline, binding_of, save_baseline
from evaluator.briefs.brief import load_brief
from evaluator.judge.judges.judge import Judge
from evaluator.watch.evidence.decide import decide
from evaluator.watch.evidence.fold import RolloutEvidence
from serving.models.manifest import attest, read_manifest
from telemetry import topics
from telemetry.bus.kafka_bus import KafkaBus
from telemetry.bus.protocols import Bus
from telemetry.bus.settings import BusSettings
from telemetry.errors import SettingsError, UsageError
from telemetry.events import DecisionMade, Event, RolloutSpec, ScoreRecorded
from telemetry.reading import Unreadable, events_in
from tests.conftest import a_free_port
from tests.evaluator.support.interactions import answer, interaction
from tests.evaluator.support.logs import announced, publish, publish_raw
from tests.evaluator.support.scores import rollout, score
from tests.trainer.tiny_shop import TRAFFIC, tiny_settings, tiny_shop
from trainer.config import load_train_settings
from trainer.pipeline import recipe, run
from trainer.repairing.result import Repair, table

READ = (topics.DECISIONS, topics.INTERACTIONS, topics.ROLLOUTS, topics.SCORES)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with a base, its baseline, and a candidate that was trained on the target alone."""
    folder = tmp_path_factory.mktemp("repair")
    made = Home(folder)
    made.models.mkdir()
    shop = tiny_shop(folder / "shop", base=made.base_model)
    loaded = load_brief(shop / "brief.yaml")
    binding = binding_of(
        loaded,
        (),
        base_sha256=read_manifest(made.base_model).sha256,
        judge_version=Judge(loaded).version,
        engine_version="none",
    )
    save_baseline(Baseline(binding=binding, measures=()), made.baselines)
    naive = tiny_settings(
        shop,
        made.model("naive"),
        base=made.base_model,
        name="naive",
        brief=None,
        steps=40,
        learning_rate=0.01,
    )
    run(naive)
    return made


@pytest.fixture
def damaged(tmp_path: Path) -> Iterator[Bus]:
    """A broker of its own, in each of whose topics lies a record that is no event."""
    with EmbeddedBroker(a_free_port(), tmp_path / "broker.log") as broker:
        made = KafkaBus(BusSettings(bootstrap_servers=broker.bootstrap_servers))
        made.ensure_topics()
        for topic in READ:
            publish_raw(made, topic, b"damaged")
        yield made


@pytest.fixture
def bus(embedded_broker: str) -> Bus:
    made = KafkaBus(BusSettings(bootstrap_servers=embedded_broker))
    made.ensure_topics()
    return made


def rolled_back(home: Home, bus: Bus, policy: str = "full") -> str:
    """Publish a rollout of the naive candidate in which `greetings` fell, up to its rollback; the rollout's id."""
    name = f"r-{uuid.uuid4().hex[:8]}"
    spec = rollout(("parcels", "greetings", "manners")).model_copy(
        update={"rollout_id": name, "candidate": read_manifest(home.model("naive")).ref}
    )
    prompts = TRAFFIC["greetings"]
    events: list[Event] = [announced(spec)]
    evidence = RolloutEvidence(spec)
    for number in range(400):
        arm = "candidate" if number % 2 else "control"
        asked = interaction(
            number,
            prompt=prompts[number // 2 % len(prompts)],
            arm=arm,
            event_id=f"{name}-{number}",
            rollout_id=name,
            text_policy=policy,
            given=answer(by=arm),
        )
        scored = score(number, arm=arm, capability="greetings", value=1.0 if arm == "control" else 0.0)
        scored = scored.model_copy(
            update={
                "rollout_id": name,
                "interaction_id": asked.event_id,
                "event_id": f"{name}-score-{number}",
            }
        )
        events += [asked, scored]
    publish(bus, events)
    publish(bus, [_decision(bus, spec, evidence)])
    return name


def _decision(bus: Bus, spec: RolloutSpec, evidence: RolloutEvidence) -> DecisionMade:
    """What the worker decides from the scores as they lie in the log."""
    for record, event in events_in(bus, topics.SCORES, Unreadable()):
        mine = isinstance(event, ScoreRecorded) and event.rollout_id == spec.rollout_id
        if mine and evidence.settle(event, record.partition, record.offset):
            found = decide(evidence)
            if found is not None and found.action == "roll_back":
                return found
    raise AssertionError("nothing was rolled back")


def settings(home: Home, rollback: str, **changes: object) -> RepairSettings:
    given = {"rollback": rollback, "brief": home.root / "shop" / "brief.yaml", "items": 24, **changes}
    return RepairSettings(**given)  # type: ignore[arg-type]


def scores(result: Repair, name: str) -> tuple[float, float, float]:
    found = next(c for c in result.scores if c.name == name)
    assert None not in (found.base, found.before, found.after)
    return found.base, found.before, found.after  # type: ignore[return-value]


@pytest.mark.slow
@pytest.mark.alone
def test_what_sank_the_rollout_is_rehearsed_and_the_capability_comes_back(
    home: Home, damaged: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = rolled_back(home, damaged)
    console = Console(record=True, width=160)
    monkeypatch.chdir(home.root)
    result = repair(home, settings(home, name, brief=Path("shop/brief.yaml")), damaged, console)
    assert result.capabilities == ("greetings",)
    assert (result.missing, result.unreadable) == (0, len(READ))
    base, before, after = scores(result, "greetings")
    assert base == 1.0
    assert before < 0.3
    assert after > before + 0.4
    assert scores(result, "parcels")[2] > 0.5
    folder = home.root / "repairs" / name
    assert json.loads((folder / "repair.json").read_text()) == json.loads(result.model_dump_json())
    replayed = [json.loads(line) for line in (folder / "replay.jsonl").read_text().splitlines()]
    assert {row["prompt"] for row in replayed} <= set(TRAFFIC["greetings"])
    assert (folder / "replay.jsonl").stat().st_mode & 0o077 == 0
    made = attest(home.model("naive-repaired"))
    assert made.settings["rehearsal"]["share"] == pytest.approx(1 / 3)
    assert any(source.startswith("rehearsal/greetings") for source in made.training["data"])
    monkeypatch.undo()
    base_sha256, data_sha256, recorded = recipe(load_train_settings(folder / "run.yaml"))
    assert (base_sha256, data_sha256) == (made.base_sha256, made.data_sha256)
    assert recorded == made.settings, "run.yaml trains the same again, from wherever"
    console.print(table(result))
    text = console.export_text()
    assert "rolled back" in text
    assert "prompts of greetings to rehearse" in text
    assert "repaired" in text


def test_hashed_text_cannot_be_repaired_and_nothing_is_trained(home: Home, bus: Bus) -> None:
    name = rolled_back(home, bus, policy="hashed")
    with pytest.raises(UsageError, match="interactions is hashed"):
        repair(home, settings(home, name, name="never"), bus, Console(quiet=True))
    assert not home.model("never").exists()


def test_records_that_are_no_events_are_counted_told_and_passed_over(home: Home, damaged: Bus) -> None:
    name = rolled_back(home, damaged, policy="hashed")
    for wanted, ends in ((name, "interactions is hashed"), ("r-none", "no decision to roll back 'r-none'")):
        console = Console(record=True, width=160)
        with pytest.raises(UsageError, match=ends):
            repair(home, settings(home, wanted, name="never"), damaged, console)
        text = console.export_text()
        told = [topic for topic in READ if f"1 record of {topic} that cannot be read" in text]
        assert told == list(READ if wanted == name else READ[:1])


def test_a_rollout_that_was_not_rolled_back_is_told_with_those_that_were(home: Home, bus: Bus) -> None:
    known = rolled_back(home, bus)
    with pytest.raises(UsageError, match=rf"no decision to roll back 'r-none'.*{known}"):
        repair(home, settings(home, "r-none"), bus, Console(quiet=True))


def test_settings_that_are_not_the_candidate_s_are_refused_by_name(home: Home, bus: Bus) -> None:
    name = rolled_back(home, bus)
    shop = home.root / "shop"
    file = shop / "run.yaml"
    given: Sequence[str] = (
        f"base: {home.base_model}",
        "data: train.jsonl",
        f"output: {home.model('naive')}",
        "name: naive",
        "steps: 41",
    )
    file.write_text("\n".join(given))
    with pytest.raises(SettingsError, match=r"trained otherwise: .*steps"):
        repair(home, settings(home, name, run=file), bus, Console(quiet=True))
