"""`belay benchmark`: whole runs of lm-eval and MT-Bench against engines and a judge that are scripts."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from belay.cli import app
from evaluator.judge.judges.failed import JudgeFailed
from serving.models.manifest import write_manifest
from telemetry.errors import BriefError
from tests.evaluator.support.fake_openai import byte_tokenizer, chat_completion, completions, serving
from tests.evaluator.support.judging_server import JudgingServer, with_code

QUESTIONS = [
    {"question_id": 1, "category": "writing", "turns": ["write", "rewrite"]},
    {"question_id": 2, "category": "stem", "turns": ["why?", "and why that?"]},
]


def engine(path: str, body: dict[str, Any]) -> tuple[int, Any]:  # noqa: ARG001 - a server's shape
    """Two models, and a judge that finds `better` better wherever it stands."""
    shown = body["messages"][-1]["content"]
    if body["model"] != "judge":
        return 200, chat_completion(f"{body['model']} answers {shown}")
    if "assistant B" in shown:
        first, second = shown.index("better answers"), shown.index("plain answers")
        return 200, chat_completion(with_code(f"Verdict CODE: [[{'A' if first < second else 'B'}]]", shown))
    grade = 8 if "better answers" in shown else 3
    return 200, chat_completion(with_code(f"Grade CODE: [[{grade}]]", shown))


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    file = tmp_path / "question.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in QUESTIONS))
    return file


def test_mt_bench_grades_both_models_by_category_and_compares_them(questions: Path, tmp_path: Path) -> None:
    out = tmp_path / "grades.json"
    with serving(engine) as fake:
        asked = ["--url", fake.url, "--model", "plain", "--other-url", fake.url, "--other-model", "better"]
        judge = ["--judge-url", fake.url, "--judge-model", "judge"]
        kept = ["--out", str(out), "--home", str(tmp_path / "home")]
        result = CliRunner().invoke(
            app,
            ["benchmark", "mt-bench", "--questions", str(questions), *judge, *asked, *kept],
        )
    assert result.exit_code == 0, result.output
    assert not list((tmp_path / "home").iterdir()), "a run that ended leaves nothing to go on with"
    assert "better wins" in result.output
    said = json.loads(out.read_text())
    assert [(c["category"], c["mean"]) for c in said["models"]["plain"]["categories"]] == [
        ("writing", pytest.approx(3.0)),
        ("stem", pytest.approx(3.0)),
    ]
    assert said["models"]["better"]["categories"][0]["mean"] == pytest.approx(8.0)
    assert [pair["verdict"] for pair in said["pairs"]] == ["candidate"] * 4
    by_model = [body["model"] for _, body, _ in fake.requests]
    assert by_model.count("plain") == by_model.count("better") == 4  # answered once, graded and compared
    assert by_model.count("judge") == 8 + 8


def test_one_category_of_one_model_is_graded_alone(questions: Path, tmp_path: Path) -> None:
    with serving(engine) as fake:
        judge = [
            "--judge-url",
            fake.url,
            "--judge-model",
            "judge",
            "--category",
            "stem",
            "--home",
            str(tmp_path),
        ]
        result = CliRunner().invoke(
            app, ["benchmark", "mt-bench", "--questions", str(questions), *judge, "--url", fake.url, "--model", "plain"]
        )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "stem" in result.output
    assert "writing" not in result.output
    assert len(fake.requests) == 4


def test_a_judge_that_dies_half_way_costs_no_answer_and_no_grade(questions: Path, tmp_path: Path) -> None:
    judge = JudgingServer(well_for=3, then="failing")
    out, home = tmp_path / "grades.json", tmp_path / "home"
    asked: Counter[str] = Counter()

    def model(path: str, body: dict[str, Any]) -> tuple[int, Any]:
        asked[f"{body['model']}: {body['messages'][-1]['content']}"] += 1
        return engine(path, body)

    def run() -> Result:
        models = ["--url", fake.url, "--model", "plain", "--other-url", fake.url, "--other-model", "better"]
        places = ["--questions", str(questions), "--out", str(out), "--home", str(home)]
        by = ["--judge-url", judge.url, "--judge-model", "grader"]
        return CliRunner().invoke(app, ["benchmark", "mt-bench", *models, *places, *by])

    with serving(model) as fake, judge:
        failed = run()
        assert isinstance(failed.exception, JudgeFailed), failed.output
        assert failed.exception.exit_code == 4
        assert "failed 1 of 4 judgements of 'mt_bench/mt_bench/all'" in str(failed.exception)
        assert not out.exists()
        judge.well_for, graded = None, len(set(judge.shown))
        assert run().exit_code == 0
    assert set(asked.values()) == {1}
    said = json.loads(out.read_text())
    assert [t["value"] for t in said["models"]["plain"]["turns"]] == [pytest.approx(7 / 9)] * 4
    assert graded == 4
    assert judge.shown.count(judge.shown[0]) == 1, "what was graded is not graded again"
    assert not home.exists() or not list(home.iterdir())


def test_lm_eval_runs_whole_and_leaves_its_files(tmp_path: Path) -> None:
    folder = byte_tokenizer(tmp_path / "model")
    write_manifest(folder, kind="base", name="tests")
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    rows = [{"q": f"{n}?", "choices": ["yes", "no"], "gold": n % 2} for n in range(5)]
    (tasks / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = {
        "task": "yes_or_no",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": "rows.jsonl"}, "cache_dir": str(tmp_path / "cache")},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "{{q}}",
        "doc_to_choice": "choices",
        "doc_to_target": "gold",
        "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
    }
    (tasks / "task.yaml").write_text(yaml.safe_dump(settings))
    command = ["benchmark", "lm-eval", "yes_or_no", "--folder", str(folder), "--model", "fake"]
    with serving(completions()) as fake:
        place = ["--url", fake.url, "--include-path", str(tasks), "--out", str(tmp_path / "out")]
        result = CliRunner().invoke(app, [*command, *place, "--limit", "4"])
    assert result.exit_code == 0, result.output
    assert "acc,none" in result.output
    (samples,) = (tmp_path / "out").rglob("samples_yes_or_no_*.jsonl")
    assert len(samples.read_text().splitlines()) == 4
    assert len(list((tmp_path / "out").rglob("results_*.json"))) == 1


def test_questions_that_are_not_there_are_a_mistake_of_the_caller(tmp_path: Path) -> None:
    gone = tmp_path / "nothing.jsonl"
    judge = ["--judge-url", "http://judge", "--judge-model", "judge"]
    result = CliRunner().invoke(app, ["benchmark", "mt-bench", "--questions", str(gone), *judge])
    assert isinstance(result.exception, BriefError)
    assert result.exception.exit_code == 2
    assert str(gone) in str(result.exception)
