"""`belay advise` says what follows from a brief, and writes a run that the trainer takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from belay.cli import app
from belay.home import Home
from belay.steps.advise import baseline_of
from evaluator.audit.baseline import save_baseline
from evaluator.briefs.brief import load_brief
from serving.models.manifest import read_manifest, write_manifest
from telemetry.errors import UsageError
from tests.belay.steps.test_measure import BRIEF, REPLIES, SUMS
from tests.evaluator.support import audits
from tests.evaluator.support.briefs import brief as scripted_brief
from trainer.config import load_train_settings


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A brief of two capabilities with items to tune on, and three dialogues."""
    for name in ("replies", "sums"):
        items = [
            {"id": f"{name}-{split}", "prompt": f"{name} {split}?", "reference": "x", "split": split}
            for split in ("audit", "traffic")
        ]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, items)))
    turns = [("user", "Where is it?"), ("assistant", "On its way.")]
    dialogue = json.dumps({"messages": [{"role": role, "content": text} for role, text in turns]})
    (tmp_path / "train.jsonl").write_text(f"{dialogue}\n" * 3)
    file = tmp_path / "brief.yaml"
    file.write_text(BRIEF.format(replies=json.dumps(REPLIES), sums=json.dumps(SUMS)))
    return file


def run(*arguments: str) -> str:
    found = CliRunner().invoke(app, ["advise", *arguments], env={"COLUMNS": "200"})
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    assert found.exit_code == 0
    return found.stdout


def test_every_question_is_answered_with_its_reasons(path: Path) -> None:
    out = run("--brief", str(path), "--kind", "style", "--facts-change", "never")
    for asked in (
        "Fine-tune or retrieve? Fine-tune",
        "One model for all traffic?",
        "EWC-LoRA, SAM or neither?",
    ):
        assert asked in out
    assert "3 dialogues are few" in out
    assert "No baseline of this brief is recorded" in out
    assert "arXiv:" in out


def test_as_json_it_tells_facts_rules_and_settings(path: Path) -> None:
    found = json.loads(run("--brief", str(path), "--json", "--cites"))
    assert found["facts"]["data"] == {"examples": 3, "answers": 1}
    assert found["facts"]["cites"] is True
    assert found["advice"][0]["rule"] == "kind unknown"
    assert found["advice"][0]["advice"]["settings"] == {}


def test_the_run_it_writes_is_one_that_the_trainer_takes(path: Path, tmp_path: Path) -> None:
    replay = tmp_path / "general.jsonl"
    replay.write_text("{}\n")
    file, home = tmp_path / "runs" / "run.yaml", tmp_path / "home"
    asked = ("--brief", str(path), "--home", str(home), "--replay", str(replay), "--write", str(file))
    run(*asked)
    settings = load_train_settings(file)
    assert settings.brief is not None
    assert settings.brief.resolve() == path.resolve()
    assert settings.data.resolve() == (tmp_path / "train.jsonl").resolve()
    assert settings.base.resolve() == (home / "models" / "base").resolve()
    assert settings.mix[0].path.resolve() == replay.resolve()
    assert "# What to mix into the data?" in file.read_text()
    with pytest.raises(UsageError, match="exists"):
        run(*asked)


def test_data_that_are_not_there_are_named(path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no file nothing\.tsv"):
        run("--brief", str(path), "--cot", "nothing.tsv")


def test_a_baseline_counts_only_where_it_is_of_this_very_brief(path: Path, tmp_path: Path) -> None:
    loaded, home = load_brief(path), Home(tmp_path / "home")
    assert baseline_of(loaded, home) is None
    home.base_model.mkdir(parents=True)
    (home.base_model / "config.json").write_text("{}")
    write_manifest(home.base_model, kind="base", name="base")
    scripted = audits.baseline(scripted_brief())
    for brief_sha256, counts in ((loaded.sha256, True), ("f" * 64, False)):
        sha = {"base_sha256": read_manifest(home.base_model).sha256, "brief_sha256": brief_sha256}
        bound = scripted.model_copy(update={"binding": scripted.binding.model_copy(update=sha)})
        save_baseline(bound, home.baselines)
        assert (baseline_of(loaded, home) is not None) == counts
