"""`belay map measure` reads real interactions off a real broker and says how far the brief is off."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from rich.console import Console
from typer.testing import CliRunner

from belay.cli import app
from belay.steps.measure import measure_traffic
from evaluator.briefs.brief import LoadedBrief, load_brief
from evaluator.map.mapping.reading import Window, since_of
from telemetry import codec, topics
from telemetry.bus.kafka_bus import BusSettings, KafkaBus
from telemetry.bus.memory_bus import MemoryBus
from telemetry.bus.protocols import Bus, Encoded
from telemetry.errors import BrokerUnavailable, UsageError
from telemetry.events import InteractionRecorded
from tests.evaluator.support.interactions import START, interaction

QUIET = Console(quiet=True)
THINGS = ("rope", "tent", "stove", "lamp", "axe", "mat", "pot", "bag", "sling", "screw")
ASKED = ("refund", "parcel", "invoice", "receipt", "repair")
REPLIES = [f"Where is the {what} for the {thing} I sent back?" for thing in THINGS for what in ASKED]
SUMS = [f"What is {n} plus {n + 2}?" for n in range(50)]
ELSEWHERE = "\u6f22\u5b57 " * 6
BRIEF = """\
# reviewed by two people
name: tests
version: "1"
owner: tests
summary: two capabilities
training: train.jsonl
capabilities:
- name: replies  # the target
  role: target
  share: 0.5  # a guess
  items: replies.jsonl
  exemplars: {replies}
  <<: &rest
    why: users ask
    at_5_percent_loss: little
    at_15_percent_loss: much
    threshold: 0.1
    judge: {{verifier: contains_answer}}
- name: sums
  share: 0.5
  items: sums.jsonl
  exemplars: {sums}
  <<: *rest
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    for name in ("replies", "sums"):
        (tmp_path / f"{name}.jsonl").write_text(
            json.dumps({"id": name, "prompt": f"{name}?", "reference": "x"})
        )
    (tmp_path / "train.jsonl").write_text("{}\n")
    file = tmp_path / "brief.yaml"
    file.write_text(BRIEF.format(replies=json.dumps(REPLIES), sums=json.dumps(SUMS)))
    return file


@pytest.fixture
def loaded(path: Path) -> LoadedBrief:
    return load_brief(path)


def traffic(replies: int, sums: int, elsewhere: int = 0, **changes: object) -> list[InteractionRecorded]:
    """Queries of a subject each: first the replies, then the sums, then what no capability covers."""
    prompts = [f"Where is the refund for the helmet {n} I sent back?" for n in range(replies)]
    prompts += [f"What is {n} plus {n + 2}, please?" for n in range(sums)]
    prompts += [ELSEWHERE + "\u5b57" * n for n in range(elsewhere)]
    return [interaction(number, prompt=prompt, **changes) for number, prompt in enumerate(prompts)]


def publish(bus: Bus, events: Sequence[InteractionRecorded], *broken: bytes) -> None:
    bus.ensure_topics()
    with bus.publisher() as publisher:
        for event in events:
            publisher.send(codec.encode(event))
        for value in broken:
            publisher.send(Encoded(topics.INTERACTIONS, b"k", (), value))
        publisher.flush()


def run(*arguments: str) -> tuple[int, str, str]:
    found = CliRunner().invoke(app, ["map", "measure", *arguments])
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found.exit_code, found.stdout, found.stderr


def test_the_whole_command_on_a_real_broker(
    path: Path, own_broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Joining a group takes half the session timeout there, 3 s; the silence that ends a read must be longer.
    monkeypatch.setattr("evaluator.map.mapping.reading._QUIET_S", 5.0)
    asked = ("--brief", str(path), "--bootstrap-servers", own_broker)
    bus = KafkaBus(BusSettings(bootstrap_servers=own_broker))
    events = traffic(420, 180, 66)
    publish(bus, [*events, events[0]], b"no event")
    status, out, _ = run(*asked, "--json")
    found = json.loads(out)
    assert status == 0
    assert found["queries"] == 666
    assert found["unusable"] == {"read twice": 1, "unreadable": 1}
    assert [c["tagged"] for c in found["capabilities"]] == [420, 180]
    assert found["untagged"]["share"] == pytest.approx(0.1, abs=0.002)
    assert all(c["contradicted"] for c in found["capabilities"])
    assert found["groups"][0]["count"] == 66
    before = path.read_text()
    status, out, _ = run(*asked, "--write")
    assert status == 0
    assert "replies: share 0.5 -> 0.7" in out
    shares = {c["name"]: c["share"] for c in yaml.safe_load(path.read_text())["capabilities"]}
    assert shares == {"replies": pytest.approx(0.7, abs=0.005), "sums": pytest.approx(0.3, abs=0.005)}
    assert "# reviewed by two people" in path.read_text()
    changed = [b for b, a in zip(before.splitlines(), path.read_text().splitlines(), strict=True) if a != b]
    assert len(changed) == 2
    load_brief(path)
    # Another group goes on from where it stopped.
    assert json.loads(run(*asked, "--json", "--group", "mapping")[1])["queries"] == 666
    publish(bus, [e.model_copy(update={"event_id": f"later-{e.event_id}"}) for e in traffic(5, 0)])
    assert json.loads(run(*asked, "--json", "--group", "mapping")[1])["queries"] == 5


def test_no_broker_is_an_infrastructure_error_and_no_address_a_usage_error(
    path: Path, free_port: int
) -> None:
    with pytest.raises(BrokerUnavailable):
        run("--brief", str(path), "--bootstrap-servers", f"127.0.0.1:{free_port}")
    with pytest.raises(UsageError, match="expected host:port"):
        run("--brief", str(path), "--bootstrap-servers", "nonsense")


def test_the_window_takes_the_newest_or_those_since(loaded: LoadedBrief) -> None:
    bus = MemoryBus()
    publish(bus, traffic(40, 60))
    newest = measure_traffic(loaded, bus, Window(newest=70), QUIET, 5)
    assert [c.tagged for c in newest.capabilities] == [10, 60]
    assert newest.unusable == {"outside the window": 30}
    since = START.replace(minute=START.minute + 1)
    later = measure_traffic(loaded, bus, Window(since=since), QUIET, 5)
    assert later.first == since
    assert [c.tagged for c in later.capabilities] == [0, 40]
    assert later.unusable == {"outside the window": 60}


def test_hashed_text_is_said_to_be_unusable_and_the_status_is_inconclusive(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = MemoryBus()
    publish(bus, traffic(4, 3, text_policy="hashed"))
    monkeypatch.setattr("belay.wiring.bus_at", lambda _: bus)
    status, out, _ = run("--brief", str(path))
    assert status == 3
    assert "7 hashed text" in out
    assert "Hashed text cannot be tagged" in out
    assert run("--brief", str(path), "--json", "--write")[0] == 3


def test_too_little_traffic_is_not_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bus, before = MemoryBus(), path.read_text()
    publish(bus, traffic(14, 6))
    monkeypatch.setattr("belay.wiring.bus_at", lambda _: bus)
    with pytest.raises(UsageError, match="may overwrite a brief"):
        run("--brief", str(path), "--write")
    assert path.read_text() == before


def test_a_group_has_no_newest() -> None:
    with pytest.raises(UsageError, match="--group came with --max"):
        Window(newest=5, group="g")


def test_since_is_a_date_a_time_or_an_age() -> None:
    now = datetime(2026, 3, 8, 12, tzinfo=UTC)
    assert since_of("7d", now) == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert since_of("12h", now) == datetime(2026, 3, 8, tzinfo=UTC)
    assert since_of("2026-03-01", now) == datetime(2026, 3, 1, tzinfo=UTC)
    assert since_of("2026-03-01T09:00+01:00", now) == datetime(2026, 3, 1, 8, tzinfo=UTC)
    with pytest.raises(UsageError, match="--since is 'yesterday'"):
        since_of("yesterday", now)
