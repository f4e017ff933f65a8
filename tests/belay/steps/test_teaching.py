"""What an audit leaves for the rollout: a judge that counts for its own candidate and brief, and for nobody else's."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from belay.home import Home
from belay.steps.asking import Asking
from belay.steps.teaching import calibrations_of, teach_judge
from evaluator.audit.audit import run_audit
from evaluator.audit.kept_answers import anchors_in
from evaluator.audit.state import Asked
from evaluator.briefs.brief import JudgeSettings, LoadedBrief
from evaluator.judge.embedding import Embedder
from evaluator.judge.judges.judge import Judge
from evaluator.judge.judges.learned.model import write_model
from evaluator.judge.judges.learned.teaching import teach
from serving.models.manifest import write_manifest
from serving.models.store import StoredModel
from telemetry.errors import AttestationError
from telemetry.events import ModelRef
from tests.evaluator.judge.judges.learned.test_teaching import bag_of_words, pairs
from tests.evaluator.support.audits import BASE, BASE_SCORES, CANDIDATE, arm, baseline, binding, measures_of
from tests.evaluator.support.briefs import brief, capability, model
from tests.evaluator.support.fake_openai import serving
from tests.evaluator.support.judge_client import graded
from tests.evaluator.support.judging_server import with_code

PROMPT_ONLY = JudgeSettings(verifier="contains_answer", unseen=("prompt",))


@pytest.fixture
def candidate(tmp_path: Path) -> StoredModel:
    folder = tmp_path / "models" / "mine"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    write_manifest(folder, kind="candidate", name="mine", base_sha256="b")
    return StoredModel.at(folder)


def taught(home: Home, loaded: LoadedBrief, candidate: ModelRef) -> None:
    model = teach(
        loaded,
        pairs(3),
        verify=Judge(loaded).judge,
        embed=bag_of_words,
        encoder=Embedder().version,
        refs=(ModelRef(name="base", sha256="b"), candidate),
    )
    file = home.learned_judge("mine")
    file.parent.mkdir(parents=True)
    write_model(model, file)


def test_without_an_audit_nothing_is_known_of_the_judge(tmp_path: Path, candidate: StoredModel) -> None:
    assert calibrations_of(Home(tmp_path), brief(), candidate) == {}


def test_only_capabilities_that_the_brief_gives_to_the_taught_judge_are_moved_by_its_error(
    tmp_path: Path, candidate: StoredModel
) -> None:
    loaded = brief(
        capability("support", role="target"), capability("facts"), capability("sums", judge=PROMPT_ONLY)
    )
    home = Home(tmp_path)
    taught(home, loaded, candidate.ref)
    found = calibrations_of(home, loaded, candidate)
    assert list(found) == ["facts"]
    assert found["facts"].labels == 60


def test_a_judge_that_was_taught_for_another_candidate_is_refused(
    tmp_path: Path, candidate: StoredModel
) -> None:
    home = Home(tmp_path)
    taught(home, brief(), ModelRef(name="mine", sha256="of yesterday"))
    with pytest.raises(AttestationError, match="taught for candidate"):
        calibrations_of(home, brief(), candidate)


def test_the_audits_answers_are_graded_by_the_model_that_judges_only_what_users_send(
    tmp_path: Path, candidate: StoredModel
) -> None:
    def polite(_: str, body: dict[str, Any]) -> Any:
        return graded(with_code("Grade CODE: [[4]]", body["messages"][-1]["content"]))

    with serving(polite) as server:
        endpoint = {"url": server.url, "model": "grader", "rubric": "It is polite.", "best": 5}
        judge = {"verifier": "contains_answer", "unseen": ("endpoint",), "endpoint": endpoint}
        facts = capability("facts", judge=JudgeSettings.model_validate(judge))
        loaded = brief(capability("support", role="target"), facts, items=60)
        asked: list[Asked] = []
        run_audit(
            loaded,
            measures_of(loaded),
            baseline(loaded),
            arm(model("candidate", 60, **BASE_SCORES)),
            refs=(BASE, CANDIDATE),
            binding=binding(loaded),
            asked_of=asked.extend,
        )
        told = StringIO()
        console = Console(file=told, width=200)
        asking = Asking(Home(tmp_path), loaded, console)
        teach_judge(asking, asked, candidate, candidate, Judge(loaded))
    known = anchors_in(Home(tmp_path).kept_answers("mine"), loaded.sha256)
    mine = [one for one in known if one.graded]
    assert {one.capability for one in mine} == {"facts"}
    assert {one.expected for one in mine} == {0.75}
    assert f"grader grades {len(mine)} answers" in told.getvalue()
