"""The worker: from interactions to a decision, over a broker that comes and goes."""

from __future__ import annotations

import gc
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from evaluator.briefs.brief import load_brief
from evaluator.judge.judges.judge import Judge
from evaluator.watch.worker.garbage import SELDOM
from evaluator.watch.worker.status import read_status
from evaluator.watch.worker.worker import Worker, WorkerSettings, run_worker
from telemetry import topics
from telemetry.bus.memory_bus import MemoryBus
from telemetry.bus.protocols import MAX_RECORD_BYTES
from telemetry.codec import encode
from telemetry.events import DecisionMade, InteractionRecorded, ScoreRecorded, WordTableMade
from telemetry.word_table import read_table
from tests.evaluator.support.briefs import brief
from tests.evaluator.support.interactions import answer, interaction
from tests.evaluator.support.logs import announced, events, publish
from tests.evaluator.support.scores import rollout
from tests.evaluator.watch.worker.test_scoring import FirstWord
from tests.places import BRIEF

SPEC = rollout(("support", "facts", "sums"))


@pytest.fixture
def bus() -> MemoryBus:
    bus = MemoryBus()
    bus.ensure_topics()
    return bus


def regression(count: int, first: int = 0) -> list[InteractionRecorded]:
    """Control knows facts, candidate does not."""
    return [
        interaction(
            n,
            arm="candidate" if n % 2 else "control",
            given=answer(
                "I do not know." if n % 2 else "It is right0.", by="candidate" if n % 2 else "control"
            ),
        )
        for n in range(first, first + count)
    ]


def until(condition: Callable[[], bool], within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


@contextmanager
def working(bus: MemoryBus, folder: Path) -> Iterator[Path]:
    """A worker in a thread; its status file. What it died of is raised at the end."""
    status, stop = folder / "worker.json", threading.Event()
    settings = WorkerSettings(
        brief=folder / "brief.yaml", status_file=status, poll_s=0.01, alive_folder=folder / "alive"
    )
    worker = Worker(settings, bus, FirstWord(), Judge(brief()), stop)
    died: list[BaseException] = []

    def run() -> None:
        try:
            worker.run()
        except RuntimeError as error:
            died.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield status
    finally:
        stop.set()
        thread.join(10.0)
    assert not thread.is_alive()
    if died:
        raise died[0]


def settled(file: Path) -> int:
    """How many scores of the first rollout are settled, as the status says."""
    status = read_status(file)
    return status.rollouts[0].settled if status is not None and status.rollouts else 0


def rolled_back(bus: MemoryBus) -> list[DecisionMade]:
    found = [e for e in events(bus, topics.DECISIONS) if isinstance(e, DecisionMade)]
    return [d for d in found if d.action == "roll_back"]


def test_a_regression_in_the_interactions_ends_in_one_roll_back(bus: MemoryBus, tmp_path: Path) -> None:
    publish(bus, [announced(SPEC)])
    with working(bus, tmp_path):
        publish(bus, regression(300))
        until(lambda: bool(rolled_back(bus)))
        until(lambda: len(events(bus, topics.SCORES)) == 300)
    assert len(rolled_back(bus)) == 1


def test_the_status_counts_what_came_and_what_became_of_it(bus: MemoryBus, tmp_path: Path) -> None:
    publish(bus, [announced(SPEC), *regression(40), interaction(99, prompt="unheard of")])
    with working(bus, tmp_path) as file:
        until(lambda: settled(file) == 41)
    status = read_status(file)
    assert status is not None
    (seen,) = status.rollouts
    assert (status.scored, status.unscored, status.dead) == (40, {"untagged": 1}, 0)
    assert (seen.rollout_id, seen.settled, seen.unscored, seen.bar) == ("r1", 41, 1, pytest.approx(100.0))
    facts = next(c for c in seen.evidence if c.capability == "facts")
    assert (facts.control.n, facts.control.mean, facts.candidate.n, facts.candidate.mean) == (
        20,
        1.0,
        20,
        0.0,
    )


def test_the_evidence_log_has_a_line_every_ten_scores_and_none_twice(bus: MemoryBus, tmp_path: Path) -> None:
    publish(bus, [announced(SPEC), *regression(25)])
    with working(bus, tmp_path) as file:
        until(lambda: settled(file) == 25)
    bus.logs[topics.SNAPSHOTS, 0].clear()  # the successor folds everything again
    publish(bus, regression(10, first=25))
    with working(bus, tmp_path) as file:
        until(lambda: settled(file) == 35)
    lines = [json.loads(line) for line in (tmp_path / "evidence.jsonl").read_text().splitlines()]
    assert [line["interactions"] for line in lines] == [10, 20, 30]
    facts = lines[-1]["capabilities"]["facts"]
    assert facts["control"][0] + facts["candidate"][0] == 30
    assert (facts["control"][1], facts["candidate"][1]) == (1.0, 0.0)
    assert lines[-1]["bar"] == pytest.approx(100.0)


def test_a_broker_that_goes_away_is_waited_for(bus: MemoryBus, tmp_path: Path) -> None:
    publish(bus, [announced(SPEC), *regression(100)])
    with working(bus, tmp_path):
        until(lambda: len(events(bus, topics.SCORES)) == 100)
        bus.down = True
        until(lambda: bus.refused >= 4)  # scorer and decider, more than once
        bus.down = False
        publish(bus, regression(200, first=100))
        until(lambda: len(events(bus, topics.SCORES)) >= 300 and bool(rolled_back(bus)))
    assert len(rolled_back(bus)) == 1


def test_a_broker_that_is_away_at_the_start_is_waited_for_and_said_once_a_loop(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bus = MemoryBus()  # without a topic yet
    bus.down = True
    with working(bus, tmp_path) as file:
        until(lambda: bus.refused >= 4)
        assert {sign.name for sign in (tmp_path / "alive").iterdir()} == {"scorer", "decider"}
        bus.down = False
        until(file.is_file)
        publish(bus, [announced(SPEC), *regression(10)])
        until(lambda: settled(file) == 10)
    assert len([line for line in caplog.messages if "told to be down" in line]) == 2


def test_a_topic_that_is_deleted_is_made_again(bus: MemoryBus, tmp_path: Path) -> None:
    with working(bus, tmp_path) as file:
        until(lambda: file.is_file() and bus.idle[topics.INTERACTIONS] > 0)
        bus.delete(topics.INTERACTIONS)
        until(lambda: (topics.INTERACTIONS, 0) in bus.logs)
        publish(bus, [announced(SPEC), *regression(10)])
        until(lambda: settled(file) == 10)


def test_an_error_in_one_loop_ends_the_worker_and_is_raised(bus: MemoryBus, tmp_path: Path) -> None:
    class Broken(FirstWord):
        def tag(self, prompts: object) -> list[object]:  # type: ignore[override]  # it only raises
            raise RuntimeError(f"cannot tag {prompts}")

    publish(bus, [announced(SPEC), interaction(0)])
    settings = WorkerSettings(brief=tmp_path / "b", status_file=tmp_path / "w.json", poll_s=0.01)
    worker = Worker(settings, bus, Broken(), Judge(brief()), threading.Event())
    with pytest.raises(RuntimeError, match="cannot tag"):
        worker.run()


def test_garbage_is_looked_for_seldom_while_a_worker_works(bus: MemoryBus, tmp_path: Path) -> None:
    seen: list[tuple[int, int, int]] = []

    class Looks(FirstWord):
        def tag(self, prompts: object) -> list[object]:  # type: ignore[override]  # it only raises
            seen.append(gc.get_threshold())
            raise RuntimeError(f"cannot tag {prompts}")

    before = gc.get_threshold()
    publish(bus, [announced(SPEC), interaction(0)])
    settings = WorkerSettings(brief=tmp_path / "b", status_file=tmp_path / "w.json", poll_s=0.01)
    with pytest.raises(RuntimeError, match="cannot tag"):
        Worker(settings, bus, Looks(), Judge(brief()), threading.Event()).run()
    assert seen == [SELDOM]
    assert gc.get_threshold() == before


def test_an_unknown_setting_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="snapshot_evry"):
        WorkerSettings.model_validate({"brief": tmp_path, "status_file": tmp_path, "snapshot_evry": 3})


def test_with_the_shipped_brief_a_known_task_is_tagged_and_judged(bus: MemoryBus, tmp_path: Path) -> None:
    path = BRIEF
    item = load_brief(path).items_of("extraction", "traffic")[0]
    publish(bus, [announced(SPEC), interaction(prompt=item.prompt, given=answer(str(item.reference)))])
    stop = threading.Event()
    words = tmp_path / "words.json"
    settings = WorkerSettings(brief=path, status_file=tmp_path / "worker.json", poll_s=0.01, table_file=words)
    thread = threading.Thread(target=run_worker, args=(settings, bus, stop))
    thread.start()
    try:
        until(lambda: bool(events(bus, topics.SCORES)), within_s=120.0)  # the tagger learns first: 4 s of CPU
    finally:
        stop.set()
        thread.join(10.0)
    (found,) = events(bus, topics.SCORES)
    assert isinstance(found, ScoreRecorded)
    assert (found.capability, found.value) == ("extraction", 1.0)
    table = read_table(words)
    assert table is not None
    assert table.tag(item.prompt) == "extraction"
    (told,) = events(bus, topics.WORD_TABLES)
    assert isinstance(told, WordTableMade)
    assert (told.worker, told.table.version) == ("default", table.version)
    assert encode(told).size < MAX_RECORD_BYTES / 4


def test_of_two_workers_one_decides_and_the_other_takes_over(bus: MemoryBus, tmp_path: Path) -> None:
    publish(bus, [announced(SPEC)])
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    with working(bus, second) as later:
        with working(bus, first):
            publish(bus, regression(40))
            until(lambda: settled(later) == 40 or settled(first / "worker.json") == 40)
            decides = later if settled(later) else first / "worker.json"
            assert not (first if decides == later else second).joinpath("evidence.jsonl").exists()
        publish(bus, regression(260, first=40))
        until(lambda: settled(later) == 300)
    assert len(rolled_back(bus)) == 1


def test_a_disk_that_takes_nothing_does_not_stop_the_decisions(bus: MemoryBus, tmp_path: Path) -> None:
    (tmp_path / "worker.json").mkdir()
    (tmp_path / "evidence.jsonl").mkdir()
    publish(bus, [announced(SPEC), *regression(300)])
    with working(bus, tmp_path):
        until(lambda: bool(rolled_back(bus)))
