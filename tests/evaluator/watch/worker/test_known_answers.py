"""A fake model behind an endpoint judges traffic and turns lenient: the watch says so and gives no verdict."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from evaluator.audit.kept_answers import FILE, AnsweredItem, KeptAnswers, keep_answers
from evaluator.briefs.brief import JudgeSettings, LoadedBrief
from evaluator.judge.judges.judge import Judge
from evaluator.watch.worker.decider import Decider
from evaluator.watch.worker.known_answers import anchors_of
from evaluator.watch.worker.replay import collect_proof, replay
from evaluator.watch.worker.reporting import watch_report
from evaluator.watch.worker.scoring import Scorer
from evaluator.watch.worker.worker import WorkerSettings
from telemetry import topics
from telemetry.bus.memory_bus import MemoryBus
from telemetry.events import JUDGE_DRIFTED, DecisionMade, InteractionRecorded, ScoreRecorded, WatchReported
from telemetry.reading import Unreadable
from tests.evaluator.support.briefs import brief, capability
from tests.evaluator.support.fake_openai import serving
from tests.evaluator.support.interactions import answer, interaction
from tests.evaluator.support.judge_client import graded
from tests.evaluator.support.judging_server import with_code
from tests.evaluator.support.logs import announced, events, publish
from tests.evaluator.support.scores import rollout
from tests.evaluator.watch.worker.test_scoring import FirstWord

SPEC = rollout(("support", "facts"))
BEFORE, AFTER = 40, 80


class Grader:
    """Grades an answer 5 of 5 where it says `right`, else 1; once `lenient`, always 5. It may be `away`."""

    def __init__(self) -> None:
        self.lenient = self.away = False

    def __call__(self, _: str, body: dict[str, Any]) -> Any:
        if self.away:
            return 401, {"error": "no such key"}
        shown = body["messages"][-1]["content"]
        good = self.lenient or "It is right." in shown
        return graded(with_code(f"Grade CODE: [[{5 if good else 1}]]", shown))


def judged_by(url: str) -> LoadedBrief:
    endpoint = {"url": url, "model": "grader", "rubric": "It is right.", "best": 5, "anchors": 1.0}
    judge = JudgeSettings.model_validate({"endpoint": endpoint | {"rubric": "It fits."}})
    return brief(capability("support", role="target"), capability("facts", judge=judge))


def audited(folder: Path, loaded: LoadedBrief, items: int = 90) -> Path:
    """What an audit leaves: base answered two thirds of the items well, the candidate half."""
    answered = tuple(
        AnsweredItem(
            capability="facts",
            item=f"facts-{n}",
            cluster=None,
            prompt=f"facts question {n}",
            base=f"{'It is right.' if n % 3 else 'No idea.'} {n}",
            base_score=float(n % 3 > 0),
            candidate=f"{'It is right.' if n % 2 else 'Who knows.'} {n}",
            candidate_score=float(n % 2),
        )
        for n in range(items)
    )
    sha = "a" * 64
    keep_answers(
        KeptAnswers(base_sha256=sha, candidate_sha256=sha, brief_sha256=loaded.sha256, answered=answered),
        folder,
    )
    return folder / FILE


def traffic(first: int, count: int, right: float = 0.7) -> list[InteractionRecorded]:
    """Both arms are as good; the answers are like none of the audit's."""
    rng = random.Random(first)
    arms = ("control", "candidate")
    return [
        interaction(
            n,
            prompt=f"facts of the day {n}",
            arm=(arm := rng.choice(arms)),
            given=answer(f"{'It is right.' if rng.random() < right else 'Hm.'} {n}", by=arm),
        )
        for n in range(first, first + count)
    ]


class Watch:
    """A scorer and a decider over one bus, stepped by the test."""

    def __init__(self, url: str, folder: Path) -> None:
        self.bus = MemoryBus()
        self.bus.ensure_topics()
        publish(self.bus, [announced(SPEC)])
        loaded = judged_by(url)
        self.judge = Judge(loaded, gives_up=False)
        anchors = anchors_of(loaded, audited(folder, loaded), self.judge)
        self.scorer = Scorer(self.bus, FirstWord(), self.judge, anchors=anchors)
        self.decider = Decider(self.bus)
        self.decider.restore()

    def see(self, interactions: list[InteractionRecorded]) -> None:
        publish(self.bus, interactions)
        while self.scorer.step(0.01) or self.scorer.waiting:
            pass
        while self.decider.step(0.0):
            pass

    def report(self) -> WatchReported:
        return watch_report(self.decider.rollouts["r1"])

    def close(self) -> None:
        self.scorer.close()
        self.decider.close()

    def holds(self) -> list[DecisionMade]:
        found = [e for e in events(self.bus, topics.DECISIONS) if isinstance(e, DecisionMade)]
        assert {d.action for d in found} <= {"hold"}
        return [d for d in found if d.reason.startswith(JUDGE_DRIFTED)]


def scores(bus: MemoryBus) -> list[ScoreRecorded]:
    return [e for e in events(bus, topics.SCORES) if isinstance(e, ScoreRecorded)]


def test_a_model_that_turns_lenient_is_named_and_its_capability_is_blind(tmp_path: Path) -> None:
    grader = Grader()
    with serving(grader) as server:
        watch = Watch(server.url, tmp_path)
        watch.see(traffic(0, BEFORE))
        (same,) = watch.report().anchors
        assert (same.judge, same.anchors, same.shift, same.drifted) == ("grader", BEFORE, 0.0, False)
        assert watch.holds() == []
        grader.lenient = True
        watch.see(traffic(BEFORE, AFTER))
        watch.close()
    (hold,) = watch.holds()
    (found,) = watch.report().anchors
    assert (found.drifted, found.capabilities) == (True, ("facts",))
    assert found.shift > 0.1
    assert "grader scores" in hold.reason
    assert hold.reason.endswith("nothing is seen of facts")
    assert replay(collect_proof(watch.bus, hold.event_id, Unreadable())).same
    assert watch.judge.asked["grader"].ended["answered"] == 2 * (BEFORE + AFTER)


def test_known_answers_are_no_evidence_about_the_candidate(tmp_path: Path) -> None:
    with serving(Grader()) as server:
        watch = Watch(server.url, tmp_path)
        watch.see(traffic(0, BEFORE))
        watch.close()
    evidence = next(one for one in watch.report().evidence if one.capability == "facts")
    assert evidence.control.n + evidence.candidate.n == BEFORE
    assert len(scores(watch.bus)) == BEFORE
    assert all(one.anchor is not None for one in scores(watch.bus))


def test_a_judge_that_is_away_gives_no_known_answers(tmp_path: Path) -> None:
    grader = Grader()
    grader.away = True
    with serving(grader) as server:
        watch = Watch(server.url, tmp_path)
        watch.see(traffic(0, 10))
        watch.close()
    assert {one.unscored for one in scores(watch.bus)} == {"failed"}
    assert watch.report().anchors == ()


def test_the_answers_lie_beside_what_the_audit_taught_unless_settings_say_where() -> None:
    settings = {"brief": "b.yaml", "status_file": "s.json"}
    beside = WorkerSettings.model_validate(settings | {"learned": "audits/x/learned.json"})
    assert beside.answers == Path("audits/x/answers.json")
    named = WorkerSettings.model_validate(settings | {"learned": "l.json", "anchors": "else.json"})
    assert named.answers == Path("else.json")
    assert WorkerSettings.model_validate(settings).answers is None


def test_answers_of_another_brief_are_not_asked_about(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loaded = judged_by("http://judge")
    file = audited(tmp_path, loaded.model_copy(update={"sha256": "f" * 64}))
    assert anchors_of(loaded, file, Judge(loaded)) is None
    assert "of another brief" in caplog.text
    assert "whether a model changes is not seen" in caplog.text
