"""What people are told of a judge that failed: which, for what, how often, since when, why last."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from evaluator.judge.judges.failed import JudgeFailed, lost
from evaluator.judge.judges.judge import judge_all
from evaluator.judge.judges.suite import run_judge_suite
from evaluator.verifiers.judgement import Failure, Judgement, failed
from telemetry.errors import InfrastructureError
from tests.evaluator.support.briefs import brief

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def failure(number: int = 0, judge: str = "the judge 'j' at http://j") -> Failure:
    return Failure(judge, f"reason {number}", START + timedelta(minutes=number))


class Failing:
    """A judge that fails on every answer that says so."""

    version = "1"

    def judge(self, capability: str, prompt: str, answer: str) -> Judgement:  # noqa: ARG002 - a judge's shape
        return failed(failure()) if "fail" in answer else Judgement(1.0, "")


def test_a_failure_is_no_result_and_has_no_value() -> None:
    assert failed(failure()).value is None
    with pytest.raises(ValueError, match="failed has no value"):
        Judgement(1.0, "", failure())


def test_it_says_which_judge_how_often_since_when_and_why() -> None:
    error = JudgeFailed([one for one in [lost("polite", [failure(2), None, failure(1)])] if one])
    assert isinstance(error, InfrastructureError)
    assert error.exit_code == 4
    assert error.message == (
        "the judge 'j' at http://j failed 2 of 3 judgements of 'polite', since 2026-03-02 09:01:00 UTC; "
        "the last reason: reason 1"
    )
    assert "the same command" in error.hint


def test_losses_of_one_capability_are_one_and_others_stay_apart() -> None:
    parts = [
        lost("polite", [failure(3), None]),
        lost("brief", [failure(4)]),
        lost("polite", [failure(1), failure(2), None]),
        lost("polite", [failure(5, "another")]),
    ]
    error = JudgeFailed([one for one in parts if one])
    assert [(one.capability, one.failed, one.asked) for one in error.lost] == [
        ("polite", 3, 5), ("brief", 1, 1), ("polite", 1, 1),
    ]  # fmt: skip
    assert (error.lost[0].since, error.lost[0].reason) == (START + timedelta(minutes=1), "reason 2")


def test_nothing_failed_is_nothing_lost() -> None:
    assert lost("polite", [None, None]) is None


def test_whoever_needs_every_judgement_is_told_of_one_that_failed() -> None:
    assert [one.value for one in judge_all(Failing(), "facts", [("q", "fine")])] == [1.0]
    with pytest.raises(JudgeFailed, match="1 of 2 judgements of 'facts'"):
        judge_all(Failing(), "facts", [("q", "fine"), ("q", "fail")])


def test_a_judge_that_could_not_be_had_is_not_said_to_judge_badly(tmp_path: object) -> None:
    loaded = brief()
    folder = type(loaded.folder)(str(tmp_path))
    lines = [
        f'{{"capability":"facts","prompt":"q","answer":"{a}","good":{g}}}'
        for a, g in (("fail", "true"), ("x", "false"))
    ]
    (folder / "suite.jsonl").write_text("\n".join(lines), encoding="utf-8")
    told = loaded.brief.model_copy(update={"judge_suite": "suite.jsonl"})
    with pytest.raises(JudgeFailed, match="1 of 2 judgements of 'facts'"):
        run_judge_suite(loaded.model_copy(update={"brief": told, "folder": folder}), Failing())
