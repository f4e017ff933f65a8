"""`belay brief`: new asks and writes, can be interrupted, overwrites nothing; check and show read what people wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from belay.cli import app
from belay.steps.brief_new import DraftFile
from evaluator.briefs.brief import load_brief
from telemetry.errors import BriefError, UsageError

ABOUT = ["shop", "Platform team", "It answers customers.", "", ""]
TARGET = [
    "replies", "Customers write.", "Nine in ten right.", "style", "yearly", "n", "60%", "A few write twice.",
    "Agents rewrite.", "y", "", "contains_answer", "", "", "",
]  # fmt: skip
SUMS = ["sums", "The till asks.", "As today.", "reasoning", "", "x", "y", "n", "", "number", "", "", "gsm8k"]
DONE = [""]
WHOLE = [*ABOUT, *TARGET, *SUMS, *DONE]


def run(*arguments: str, typed: list[str] | None = None) -> Any:
    text = "".join(f"{line}\n" for line in typed or [])
    found = CliRunner().invoke(app, ["brief", *arguments], input=text, env={"COLUMNS": "160"})
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "briefs" / "brief.yaml"


def fill(folder: Path) -> None:
    """Write what a person has still to write after the interview."""
    for name in ("replies", "sums"):
        item = {"id": f"{name}-1", "prompt": f"{name}, first?", "reference": 3 if name == "sums" else "yes"}
        (folder / f"items/{name}.jsonl").write_text(json.dumps(item))
        (folder / f"exemplars/{name}.txt").write_text(f"a prompt for {name}\n")
    (folder / "train.jsonl").write_text("{}\n")


def test_the_interview_writes_a_brief_and_says_exactly_what_is_left(path: Path) -> None:
    found = run("new", str(path), typed=WHOLE)
    assert found.exit_code == 0
    for said in (
        "replies.jsonl, line 1: still the example",
        "'sums'.exemplars[0]: still to be filled in",
        "train.jsonl",
    ):
        assert said in found.output
    assert found.output.count("still to be filled in") == 2
    assert not DraftFile.of(path).path.exists()
    fill(path.parent)
    brief = load_brief(path).brief
    assert [c.name for c in brief.capabilities] == ["replies", "sums"]
    assert brief.capabilities[1].share == 0.4
    assert "Assumed: what the others leave" in path.read_text()


def test_an_interrupted_interview_goes_on_where_it_stopped(path: Path) -> None:
    for cut in (3, 9, 30):
        stopped = run("new", str(path), typed=WHOLE[:cut])
        assert stopped.exit_code == 130
        assert "go on with: belay brief new" in stopped.output
        assert not path.exists()
        on = run("new", str(path), typed=WHOLE[cut:])
        assert on.exit_code == 0
        assert f"Going on after {cut} answers" in on.output
        assert yaml.safe_load(path.read_text())["owner"] == "Platform team"
        path.unlink()


def test_afresh_forgets_the_answers(path: Path) -> None:
    run("new", str(path), typed=WHOLE[:4])
    assert run("new", str(path), "--afresh", typed=["another", *WHOLE[1:]]).exit_code == 0
    assert yaml.safe_load(path.read_text())["name"] == "another"


def test_going_back_takes_the_last_answer_back_also_over_an_interruption(path: Path) -> None:
    run("new", str(path), typed=["shop", "Wrong team", "<"])
    assert run("new", str(path), typed=WHOLE[1:]).exit_code == 0
    assert yaml.safe_load(path.read_text())["owner"] == "Platform team"


def test_what_is_no_answer_is_asked_again(path: Path) -> None:
    typed = [*ABOUT, *TARGET[:3], "stile", *TARGET[3:], *SUMS, *DONE]
    found = run("new", str(path), typed=typed)
    assert found.exit_code == 0
    assert "did you mean 'style'" in found.output


def test_a_draft_that_tells_another_story_is_refused(path: Path) -> None:
    run("new", str(path), typed=WHOLE[:3])
    draft = DraftFile.of(path)
    draft.save([("brief.nothing", "x")])
    with pytest.raises(UsageError, match=r"answer 1 is to 'brief\.nothing'"):
        run("new", str(path))
    draft.path.write_text("{")
    with pytest.raises(UsageError, match="is no draft of a brief"):
        run("new", str(path))


def test_nothing_is_overwritten(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("mine")
    with pytest.raises(UsageError, match="exists"):
        run("new", str(path), typed=WHOLE)
    assert path.read_text() == "mine"
    path.unlink()
    (path.parent / "items").mkdir()
    (path.parent / "items" / "sums.jsonl").write_text("my items")
    run("new", str(path), typed=WHOLE)
    assert (path.parent / "items" / "sums.jsonl").read_text() == "my items"
    assert (path.parent / "items" / "replies.jsonl").exists()


ANSWERS = """\
name: shop
owner: Platform team
capabilities:
- {name: replies, why: users write, share: 0.7, judge: {verifier: contains_answer}}
- {name: sums, critical: true, kind: reasoning, at_5_percent_loss: x, at_15_percent_loss: y, exemplars: [one and one]}
"""


def test_a_script_gives_what_it_knows_and_the_rest_is_todo(path: Path, tmp_path: Path) -> None:
    answers = tmp_path / "answers.yaml"
    answers.write_text(ANSWERS)
    found = run("new", str(path), "--from", str(answers))
    assert found.exit_code == 0
    brief = yaml.safe_load(path.read_text())
    assert [c["role"] for c in brief["capabilities"]] == ["target", "adjacent"]
    assert [c["share"] for c in brief["capabilities"]] == [0.7, 0.3]
    assert brief["capabilities"][1]["threshold"] == 0.03
    for said in ("summary", "'replies'.at_5_percent_loss", "'sums'.why", "'sums'.judge.verifier"):
        assert f"{said}: still to be filled in" in found.output
    assert not (path.parent / "exemplars" / "sums.txt").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "capabilities: [{name: a, treshold: 1}]",
            r"capabilities\.0\.treshold: unknown key; did you mean 'threshold'",
        ),
        ("sumary: x\ncapabilities: [{name: a}]", "sumary: unknown key; did you mean 'summary'"),
        ("capabilities: [{name: a, judge: {verifer: x}}]", "did you mean 'verifier'"),
        ("capabilities: []", "one capability at least"),
        ("capabilities: 3", "a list of 'capabilities'"),
        ("capabilities: [", "not valid YAML"),
    ],
)
def test_answers_that_cannot_be_used_are_refused_before_anything_is_written(
    path: Path, tmp_path: Path, text: str, said: str
) -> None:
    answers = tmp_path / "answers.yaml"
    answers.write_text(text)
    with pytest.raises(UsageError, match=said):
        run("new", str(path), "--from", str(answers))
    assert not path.parent.exists()


def test_check_tells_what_is_wrong_and_what_is_weak_and_show_draws_the_map(path: Path) -> None:
    run("new", str(path), typed=WHOLE)
    with pytest.raises(BriefError) as broken:
        run("check", str(path))
    assert broken.value.exit_code == 2
    assert "still the example" in str(broken.value)
    fill(path.parent)
    checked = run("check", str(path)).output
    assert "can be used: 2 capabilities, 2 audit items" in checked
    assert "replies: 1 exemplars" in checked
    assert "replies (target)" in run("show", str(path)).output
