"""What an audit leaves for the rollout: a judge that counts for its own candidate and brief, and for nobody else's."""

from __future__ import annotations

from pathlib import Path

import pytest

from belay.home import Home
from belay.steps.teaching import calibrations_of
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
from tests.evaluator.support.briefs import brief, capability

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
