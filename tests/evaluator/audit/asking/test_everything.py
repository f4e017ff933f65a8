"""Asking everything of a model whose judge fails: what was judged is kept, a judge that is given up ends it early."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evaluator.audit.asking.answer_cache import AnswerCache
from evaluator.audit.asking.answering import CachedModel, Conditions
from evaluator.audit.asking.everything import AT_ONCE, ask_everything
from evaluator.audit.asking.recorded_judge import RecordedJudge
from evaluator.audit.diff.settings import GateSettings
from evaluator.audit.measures.answers import ItemAnswer
from evaluator.audit.measures.judged import ItemsUnjudged, judged
from evaluator.audit.measures.measure import MeasureItem, ServedModel
from evaluator.audit.sequential_audit import ask_until_certain
from evaluator.audit.state import Watched
from evaluator.judge.judges.client import Reply
from evaluator.judge.judges.failed import JudgeFailed
from evaluator.verifiers.judgement import Failure, Judgement, failed
from telemetry.events import Message

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MODEL = ServedModel("http://nowhere", "m", "a" * 64, Path("nowhere"), lambda turns, tokens: [])  # noqa: ARG005


@dataclass
class Flaky:
    """A measure whose judge fails on some numbers; it keeps what it was asked."""

    capability: str = "polite"
    n: int = 2 * AT_ONCE
    fails: set[int] = field(default_factory=set)
    given_up: bool = False
    name: str = "items"
    version: str = "1"
    threshold: float = 0.1
    chance: float = 0.0
    asked: list[str] = field(default_factory=list)

    @property
    def items(self) -> tuple[MeasureItem, ...]:
        return tuple(MeasureItem(f"{self.capability}-{n}") for n in range(self.n))

    def answer(self, model: ServedModel, ids: Sequence[str]) -> Sequence[ItemAnswer]:  # noqa: ARG002
        self.asked += ids
        failure = Failure(f"the judge of {self.capability}", "it hangs", AT, self.given_up)
        return judged(
            self.capability,
            [
                (i, "?", "!", failed(failure) if int(i.split("-")[1]) in self.fails else Judgement(1.0, ""))
                for i in ids
            ],
        )


def model(cache: AnswerCache | None = None) -> CachedModel:
    return CachedModel(MODEL, Conditions(model_sha256="a" * 64, engine_version="1"), cache)


def test_everything_else_is_asked_before_what_failed_is_told_and_is_not_asked_again(tmp_path: Path) -> None:
    flaky, sound = Flaky(fails={3, 70}), Flaky("facts", n=5)
    with AnswerCache(tmp_path / "answers.sqlite") as cache:
        with pytest.raises(JudgeFailed) as told:
            ask_everything(model(cache), [flaky, sound])
        (lost,) = told.value.lost
        assert (lost.capability, lost.failed, lost.asked, lost.since) == ("polite", 2, 2 * AT_ONCE, AT)
        assert len(sound.asked) == 5
        flaky.fails, flaky.asked, sound.asked = set(), [], []
        polite, facts = ask_everything(model(cache), [flaky, sound])
    assert flaky.asked == ["polite-3", "polite-70"]
    assert sound.asked == []
    assert [a.item for a in polite] == [item.id for item in flaky.items]
    assert len(facts) == 5


def test_a_judge_that_is_given_up_ends_it_early() -> None:
    dead, later = Flaky(fails=set(range(1000)), given_up=True, n=1000), Flaky("facts", n=5)
    with pytest.raises(JudgeFailed, match=f"failed {AT_ONCE} of {AT_ONCE} judgements of 'polite'"):
        ask_everything(model(), [dead, later])
    assert (len(dead.asked), later.asked) == (AT_ONCE, [])


def test_an_audit_takes_nothing_in_of_what_failed_and_names_every_capability(tmp_path: Path) -> None:
    measures = [Flaky(fails={1, 2}), Flaky("facts", fails={5}), Flaky("sums")]
    watched = [Watched(m, 0.1, 0.1) for m in measures]
    with AnswerCache(tmp_path / "answers.sqlite") as cache:
        base, candidate = model(), model(cache)
        with pytest.raises(JudgeFailed) as told:
            ask_until_certain(watched, base, candidate, GateSettings(chunk=2 * AT_ONCE), at_once=4)
        assert {(one.capability, one.failed) for one in told.value.lost} == {("polite", 4), ("facts", 2)}
        for measure in measures:
            measure.fails = set()
        asked = ask_until_certain(watched, base, candidate, GateSettings(chunk=2 * AT_ONCE), at_once=4)
    assert {one.verdict for one in asked} == {"pass"}


def test_what_was_judged_goes_with_what_was_not() -> None:
    with pytest.raises(ItemsUnjudged) as told:
        Flaky(fails={1}, n=3).answer(MODEL, ["polite-0", "polite-1", "polite-2"])
    assert [a.item for a in told.value.answered] == ["polite-0", "polite-2"]


def test_a_judges_replies_are_kept_and_its_failures_are_not(tmp_path: Path) -> None:
    replies = [
        Reply(None, Failure("j", "away", AT)),
        Reply(None, why="the judge's reply is empty", code="no_grade"),
        Reply("Verdict old: [[A]]"),
    ]

    class Script:
        def ask(self, conversation: Sequence[Message], max_tokens: int, *, nonce: str = "") -> Reply:  # noqa: ARG002
            return replies.pop(0)

    first, second = ([Message(role="user", content=f"{word} old")] for word in ("one", "two"))
    later = [Message(role="user", content="two new")]
    with AnswerCache(tmp_path / "answers.sqlite") as cache:
        judge = RecordedJudge(Script(), "j", cache)
        assert judge.ask(first, 8).failure is not None
        empty = Reply(None, why="the judge's reply is empty", code="no_grade")
        assert [judge.ask(first, 8) for _ in range(2)] == [empty] * 2
        assert [judge.ask(second, 8, nonce="old").text for _ in range(2)] == ["Verdict old: [[A]]"] * 2
        assert judge.ask(later, 8, nonce="new").text == "Verdict new: [[A]]", "another process, another nonce"
