"""`belay review` as people use it: blinded answers in the terminal or in a file, grades as events, a report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from belay.cli import app
from belay.steps.review import NOTE
from evaluator.judge.reviewing.cases import case_id
from telemetry import codec, topics
from telemetry.bus.memory_bus import MemoryBus
from telemetry.errors import BrokerUnavailable, UsageError
from telemetry.events import AnswerGraded, Event, Message, ScoreRecorded
from telemetry.reading import Unreadable, events_in
from tests.evaluator.support.interactions import answer, interaction
from tests.evaluator.support.scores import score
from tests.telemetry.samples import rollout

PAIRS = 6
ARMS = ("control", "candidate")


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> MemoryBus:
    """A log with a rollout of six shadow pairs: base answers "base N", the candidate "tuned N"."""
    made = MemoryBus()
    made.ensure_topics()
    publish(made, rollout())
    for n in range(PAIRS):
        arm = ARMS[n % 2]
        texts = {"control": f"base {n}", "candidate": f"tuned {n}"}
        other = ARMS[1 - n % 2]
        publish(
            made,
            interaction(
                n,
                prompt=f"question {n}",
                arm=arm,
                given=answer(texts[arm], by=arm),
                shadow=answer(texts[other], by=other),
            ),
            score(n, arm=arm, value=0.75, other=0.75).model_copy(update={"basis": "learned"}),
        )
    monkeypatch.setattr("belay.wiring.bus_of", lambda _: made)
    monkeypatch.chdir(tmp_path)
    Path("belay.yaml").write_text(yaml.safe_dump({"route": "shop", "base": "b", "brief": "x/brief.yaml"}))
    return made


def publish(bus: MemoryBus, *events: Event) -> None:
    with bus.publisher() as publisher:
        for event in events:
            publisher.send(codec.encode(event))
        publisher.flush()


def grades(bus: MemoryBus) -> list[AnswerGraded]:
    return [e for _, e in events_in(bus, topics.GRADES, Unreadable()) if isinstance(e, AnswerGraded)]


def belay(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, ["review", *arguments], input=typed, catch_exceptions=False)


def summary(*arguments: str, typed: str = "") -> dict[str, Any]:
    ended = belay(*arguments, "--by", "ada", "--sample", "1", "--json", typed=typed)
    assert ended.exit_code == 0, ended.output
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def test_each_answer_is_shown_once_without_its_arm_and_each_grade_is_an_event(bus: MemoryBus) -> None:
    ended = belay("--by", "ada", "--sample", "1", typed="5 right\n" * 2 * PAIRS)
    assert ended.exit_code == 0
    assert all(f"{who} {n}" in ended.output for who in ("base", "tuned") for n in range(PAIRS))
    assert "1 of 12" in ended.output
    assert "12 of 12, 0:00:0" in ended.output
    assert not any(word in ended.output for word in (*ARMS, "subject", "interaction-"))
    found = grades(bus)
    assert {(g.interaction_id, g.arm) for g in found} == {
        (f"interaction-{n}", arm) for n in range(PAIRS) for arm in ARMS
    }
    assert {(g.grade, g.note, g.grader, g.capability, g.sampled_fraction) for g in found} == {
        (1.0, "right", "ada", "facts", 1.0)
    }


def test_what_was_graded_is_not_asked_again_and_what_was_skipped_is(bus: MemoryBus) -> None:
    first = summary(typed="4\ns\n0.3\nq\n")
    assert (first["graded"], first["skipped"], first["left"]) == (2, 1, 10)
    assert sorted(g.grade for g in grades(bus)) == [0.3, 0.75]
    again = summary(typed="1\n" * 20)
    assert (again["graded"], again["left"]) == (10, 0)
    assert summary(typed="")["left"] == 0
    assert len({g.event_id for g in grades(bus)}) == 12
    other = belay("--by", "bo", "--sample", "1", "--max", "3", typed="1\n" * 3)
    assert "Rollout r1: 3 graded, 0 skipped, 0 left." in other.output.replace(";", ",")


def test_both_grades_of_a_pair_are_a_score_of_their_own_and_no_case_again(bus: MemoryBus) -> None:
    summary(typed="4\n" * 2 * PAIRS)
    made = [e for _, e in events_in(bus, topics.SCORES, Unreadable()) if isinstance(e, ScoreRecorded)]
    found = [one for one in made if one.corrects is not None]
    assert {one.interaction_id for one in found} == {f"interaction-{n}" for n in range(PAIRS)}
    assert len(found) == PAIRS
    assert {(one.value, one.other_value, one.basis) for one in found} == {(0.75, 0.75, "person")}
    report = json.loads(belay("--report", "--json").stdout)
    assert [one["basis"] for one in report["judges"]] == ["learned"], (
        "the judge is what its grades are held against"
    )


def test_a_grade_is_in_the_log_before_the_next_answer_is_shown(bus: MemoryBus) -> None:
    seen = []

    def read(_: str) -> str:
        seen.append(len(grades(bus)))
        return "3" if len(seen) < 4 else "q"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rich.console.Console.input", lambda _, prompt: read(prompt))
        assert summary()["graded"] == 3
    assert seen == [0, 1, 2, 3]


def test_what_is_no_grade_is_asked_again_and_a_closed_terminal_ends_it(bus: MemoryBus) -> None:
    ended = belay("--by", "ada", "--sample", "1", typed=f"7\n\n4 {'x' * (NOTE + 1)}\n2\n")
    assert ended.exit_code == 0
    assert ended.output.count("That is no grade") == 2
    assert f"The note has {NOTE + 1} characters" in ended.output
    assert [g.grade for g in grades(bus)] == [0.25]


def test_an_answer_cannot_move_the_cursor_or_hide_anything(bus: MemoryBus) -> None:
    wicked = "fine\x1b[2J\rbad\u202eneddih [red]not red[/red]"
    publish(bus, interaction(50, given=answer(wicked), messages=(Message(role="user", content="q\x07"),)))
    publish(bus, score(50))
    shown = belay("--by", "ada", "--sample", "1", typed="1\n" * 20).output
    assert "\x1b[2J" not in shown
    assert "\u202e" not in shown
    assert "fine<U+001B>[2J<U+000D>bad<U+202E>neddih [red]not red[/red]" in shown.replace("\n", "")


def test_of_a_long_conversation_the_last_turns_are_shown(bus: MemoryBus) -> None:
    turns = tuple(Message(role="user", content=f"turn {n}.") for n in range(9))
    publish(bus, interaction(50, messages=turns), score(50))
    shown = belay("--by", "ada", "--sample", "1", typed="1\n" * 20).output
    assert "(3 earlier)" in shown
    assert "turn 2." not in shown
    assert "turn 3." in shown


def test_a_file_carries_cases_out_and_grades_back(bus: MemoryBus, tmp_path: Path) -> None:
    file = tmp_path / "cases" / "cases.jsonl"
    assert summary("--export", str(file))["left"] == 12
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        row["grade"] = 1.0 if row["answer"].startswith("base") else 0.0
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert summary("--import", str(file))["graded"] == 12
    assert {(g.arm, g.grade) for g in grades(bus)} == {("control", 1.0), ("candidate", 0.0)}
    assert summary("--export", str(file))["left"] == 0


def test_of_a_file_with_a_wrong_line_nothing_is_published(bus: MemoryBus, tmp_path: Path) -> None:
    file = tmp_path / "cases.jsonl"
    good = {"id": case_id("interaction-0", "control"), "sampled_fraction": 1.0, "grade": 1.0}
    file.write_text(f"{json.dumps(good)}\n{json.dumps(good | {'id': 'nobody'})}\n", encoding="utf-8")
    with pytest.raises(UsageError, match="line 2: rollout r1 has no case nobody"):
        belay("--by", "ada", "--import", str(file))
    assert grades(bus) == []


@pytest.mark.usefixtures("bus")
def test_the_report_says_what_the_judge_is_worth_and_its_json_is_for_a_draft() -> None:
    for n in range(PAIRS):
        for arm in ARMS:
            key = case_id(f"interaction-{n}", arm)  # type: ignore[arg-type]  # an arm
            line = {"id": key, "sampled_fraction": 1.0, "grade": 0.5 if arm == "control" else 1.0}
            with Path("g.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
    summary("--import", "g.jsonl")
    told = belay("--report").output
    assert "Rollout r1: 12 grades by ada." in told
    assert "facts, learned: 12 graded, agreement 50%" in told  # .75 is good, .5 is not above one half
    assert "control: 6, mean grade 0.50, judged +0.25" in told
    assert "candidate: 6, mean grade 1.00, judged -0.25" in told
    assert "6 pairs: adds up to " in told
    assert "threshold 10 points, judged " in told
    found = json.loads(belay("--report", "--json").stdout)
    assert (found["rollout_id"], found["calibrations"]["facts"]["labels"]) == ("r1", 6)


@pytest.mark.usefixtures("bus")
def test_a_report_without_grades_is_one_line() -> None:
    assert belay("--report").output.strip() == "Rollout r1: 0 grades by nobody."


def test_what_is_asked_for_wrongly_is_refused(bus: MemoryBus) -> None:
    with pytest.raises(UsageError, match="one at a time"):
        belay("--report", "--export", "x")
    with pytest.raises(UsageError, match="grades need a name"):
        belay("--export", "x")
    with pytest.raises(UsageError, match="no rollout 'other'"):
        belay("other", "--by", "ada")
    bus.down = True
    with pytest.raises(BrokerUnavailable):
        belay("--by", "ada")
