"""MT-Bench: two turns, grades from 1 to 10, references where they guide, pairs in both orders."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from evaluator.audit.measures.measure import ServedModel
from evaluator.audit.mt_bench.data import CATEGORIES, GUIDED, Question, load_questions
from evaluator.audit.mt_bench.measure import ALL, MtBenchMeasure, category_scores, converse, mt_bench_measures
from evaluator.audit.mt_bench.pairs import PairVerdict, judge_pairs, pair_scores, verdict_of
from evaluator.briefs.brief import JudgeEndpoint
from telemetry.errors import BriefError
from telemetry.events import Message
from tests.evaluator.support.briefs import brief, capability
from tests.evaluator.support.fake_openai import chat_completion, serving
from tests.evaluator.support.judging_server import with_code
from tests.places import SHARED

MT_BENCH = SHARED / "data" / "mt_bench"
QUESTIONS = (
    Question(1, "writing", ("write", "rewrite")),
    Question(2, "math", ("2 + 2?", "and 3 + 3?"), ("four", "six")),
    Question(3, "math", ("1 + 1?", "and 2 + 1?"), ("two", "three")),
)


def endpoint(url: str = "http://judge", **changes: Any) -> JudgeEndpoint:
    fields = {"url": url, "model": "grader", "rubric": "Correct before charming."}
    return JudgeEndpoint.model_validate(fields | changes)


class Model:
    """A model whose answer says what it was asked last; it keeps every conversation."""

    def __init__(self, name: str = "model", empty: str = "nothing") -> None:
        self.name, self.empty = name, empty
        self.asked: list[list[str]] = []
        self.max_tokens: set[int] = set()

    def served(self) -> ServedModel:
        return ServedModel("http://engine", self.name, "0" * 64, Path("nowhere"), self.chat)

    def chat(self, conversations: Sequence[Sequence[Message]], max_tokens: int) -> list[str]:
        self.max_tokens.add(max_tokens)
        self.asked += [[f"{m.role}: {m.content}" for m in turns] for turns in conversations]
        last = [turns[-1].content for turns in conversations]
        return ["" if one == self.empty else f"{self.name} says: {one}" for one in last]


def judged_by(text: dict[str, str], otherwise: str) -> Any:
    """A judge whose reply depends on which of the texts stands in the question last."""

    def answer(path: str, body: dict[str, Any]) -> tuple[int, Any]:  # noqa: ARG001 - a server's shape
        shown = body["messages"][-1]["content"]
        said = next((text[key] for key in text if key in shown), otherwise)
        return 200, chat_completion(with_code(said, shown))

    return answer


def measure(url: str, category: str = "math", **changes: Any) -> MtBenchMeasure:
    settings: dict[str, Any] = {"capability": "sums", "threshold": 0.1}
    return MtBenchMeasure(category, QUESTIONS, endpoint(url), **settings | changes)


def test_each_turn_is_an_item_and_both_turns_of_a_question_are_a_cluster() -> None:
    items = measure("http://judge").items
    assert [item.id for item in items] == ["mt_bench-2-1", "mt_bench-2-2", "mt_bench-3-1", "mt_bench-3-2"]
    assert [item.cluster for item in items] == ["2", "2", "3", "3"]
    assert len(measure("http://judge", ALL).items) == 6
    assert measure("http://judge").name == "mt_bench/math"


def test_the_second_turn_follows_the_answer_to_the_first_and_grades_become_scores() -> None:
    model = Model()
    with serving(judged_by({"says: and 3 + 3?": "Grade CODE: [[10]]"}, "Grade CODE: [[4]]")) as fake:
        found = measure(fake.url, max_tokens=77).answer(
            model.served(), ["mt_bench-3-1", "mt_bench-2-2", "mt_bench-2-1"]
        )
    assert [one.item for one in found] == ["mt_bench-3-1", "mt_bench-2-2", "mt_bench-2-1"]
    assert [one.value for one in found] == pytest.approx([3 / 9, 1.0, 3 / 9])
    assert found[1].answer == "model says: and 3 + 3?"
    assert model.asked == [
        ["user: 1 + 1?"],
        ["user: 2 + 2?"],
        ["user: 2 + 2?", "assistant: model says: 2 + 2?", "user: and 3 + 3?"],
    ]
    assert model.max_tokens == {77}
    assert "User: 2 + 2?" in found[1].prompt
    assert "Assistant: model says: 2 + 2?" in found[1].prompt


def test_the_judge_sees_the_turns_so_far_and_their_references_where_the_category_is_guided() -> None:
    with serving(judged_by({}, "Grade CODE: [[5]]")) as fake:
        for category, ids in (("math", ["mt_bench-2-1", "mt_bench-2-2"]), ("writing", ["mt_bench-1-2"])):
            measure(fake.url, category).answer(Model().served(), ids)
    texts = ["\n".join(m["content"] for m in body["messages"]) for _, body, _ in fake.requests]
    (first,) = [t for t in texts if "2 + 2?" in t and "3 + 3?" not in t]
    (second,) = [t for t in texts if "and 3 + 3?" in t]
    (plain,) = [t for t in texts if "rewrite" in t]
    assert "four" in first
    assert "six" not in first
    assert all(
        word in second for word in ("four", "six", "says: 2 + 2?", "says: and 3 + 3?", "second question")
    )
    assert "reference" not in plain
    assert all("Correct before charming." in t for t in texts)


def test_a_grade_that_cannot_be_read_is_unscored_and_an_empty_answer_is_0() -> None:
    with serving(judged_by({}, "Lovely!")) as fake:
        found = measure(fake.url).answer(Model(empty="1 + 1?").served(), ["mt_bench-2-1", "mt_bench-3-1"])
    assert found[0].value is None
    assert "no grade" in found[0].reason
    assert found[1].value == 0.0
    assert len(fake.requests) == 1


def test_category_scores_are_means_from_1_to_10_over_what_was_graded() -> None:
    replies = {
        "says: and 3": "?",
        "says: 2 + 2": "Grade CODE: [[10]]",
        "says: and 2": "Grade CODE: [[4]]",
        "says: 1 + 1": "Grade CODE: [[1]]",
    }
    with serving(judged_by(replies, "Grade CODE: [[7]]")) as fake:
        whole = measure(fake.url, ALL)
        answers = whole.answer(Model().served(), [item.id for item in whole.items])
    writing, math = category_scores(QUESTIONS, answers)
    assert (writing.category, writing.mean, writing.n, writing.unscored) == ("writing", 7.0, 2, 0)
    assert (math.category, math.mean, math.n, math.unscored) == (
        "math",
        pytest.approx((10 + 1 + 4) / 3),
        3,
        1,
    )


def test_the_version_changes_with_questions_judge_rubric_and_length() -> None:
    others = [
        measure("http://judge"),
        measure("http://other"),
        measure("http://judge", ALL),
        measure("http://judge", max_tokens=8),
        MtBenchMeasure("math", QUESTIONS, endpoint(rubric="x"), capability="sums", threshold=0.1),
        MtBenchMeasure("math", QUESTIONS[:2], endpoint(), capability="sums", threshold=0.1),
    ]
    assert len({one.version for one in others}) == len(others)
    assert measure("http://judge", threshold=0.5).version == others[0].version


def test_unknown_categories_and_other_scales_are_refused() -> None:
    with pytest.raises(BriefError, match=r"no category 'maths'\n.*writing, math, and all"):
        measure("http://judge", "maths")
    with pytest.raises(BriefError, match="from 1 to 10, its judge has best = 5"):
        MtBenchMeasure("math", QUESTIONS, endpoint(best=5), capability="sums", threshold=0.1)


def compared(base: Model, candidate: Model, judge: JudgeEndpoint) -> tuple[PairVerdict, ...]:
    asked = [(question, 2) for question in QUESTIONS]
    answers = (converse(model.served(), asked, 64) for model in (base, candidate))
    return judge_pairs(QUESTIONS, *answers, judge)


def test_a_judge_that_prefers_whoever_stands_first_makes_ties_and_one_that_knows_decides() -> None:
    base, candidate = Model("base"), Model("candidate")
    with serving(judged_by({}, "The first one. Verdict CODE: [[A]]")) as fake:
        biased = compared(base, candidate, endpoint(fake.url))
    assert {one.verdict for one in biased} == {"tie"}
    assert len(biased) == 2 * len(QUESTIONS)
    assert len(fake.requests) == 4 * len(QUESTIONS)
    assert [len(turns) for turns in base.asked] == [1, 1, 1, 3, 3, 3]

    def knows(path: str, body: dict[str, Any]) -> tuple[int, Any]:  # noqa: ARG001 - a server's shape
        shown = body["messages"][-1]["content"]
        better = "candidate says" if "2 + 2" in shown else "base says"
        other = "base says" if "2 + 2" in shown else "candidate says"
        if "write" in shown:
            return 200, chat_completion("I cannot say.")
        place = "A" if shown.index(better) < shown.index(other) else "B"
        return 200, chat_completion(with_code(f"Verdict CODE: [[{place}]]", shown))

    with serving(knows) as fake:
        found = compared(base, candidate, endpoint(fake.url))
    verdicts = {(one.question, one.turn): one.verdict for one in found}
    assert verdicts == {
        (1, 1): "unscored", (1, 2): "unscored", (2, 1): "candidate", (2, 2): "candidate", (3, 1): "base",
        (3, 2): "base",
    }  # fmt: skip
    writing, math = pair_scores(found)
    assert (writing.unscored, writing.candidate_share) == (2, None)
    assert (math.candidate, math.base, math.ties, math.candidate_share) == (2, 2, 0, 0.5)


def test_changing_the_models_places_changes_who_wins_and_nothing_else() -> None:
    mirrored = {"candidate": "base", "base": "candidate", "tie": "tie", "unscored": "unscored"}
    places = {"A": "B", "B": "A", "C": "C", None: None}
    for first, first_turned in places.items():
        for second, second_turned in places.items():
            assert verdict_of(first_turned, second_turned) == mirrored[verdict_of(first, second)]


def write(
    folder: Path, questions: list[dict[str, Any]], references: list[dict[str, Any]] | None = None
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "question.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in questions))
    if references is not None:
        (folder / "reference_answer").mkdir(exist_ok=True)
        lines = "".join(json.dumps(one) + "\n" for one in references)
        (folder / "reference_answer" / "gpt-4.jsonl").write_text(lines)
    return file


MATH = {"question_id": 7, "category": "math", "turns": ["a", "b"], "reference": ["hint"]}
ANSWERED = {"question_id": 7, "choices": [{"index": 0, "turns": ["A", "B"]}], "model_id": "gpt-4"}


def test_questions_are_read_with_the_references_that_lie_beside_them(tmp_path: Path) -> None:
    file = write(tmp_path, [MATH, {"question_id": 8, "category": "stem", "turns": ["c", "d"]}], [ANSWERED])
    assert load_questions(file) == (
        Question(7, "math", ("a", "b"), ("A", "B")),
        Question(8, "stem", ("c", "d")),
    )


@pytest.mark.parametrize(
    ("questions", "references", "words"),
    [
        ([MATH], None, "without a reference answer: 7"),
        ([MATH], [{**ANSWERED, "question_id": 9}], "without a reference answer: 7"),
        ([MATH], [{"question_id": 7}], r"gpt-4\.jsonl, line 1: .*choices"),
        ([{**MATH, "turns": ["only one"]}], None, r"question\.jsonl, line 1: .*turns"),
        ([MATH, MATH], [ANSWERED], "ids that stand twice: 7"),
        ([], None, "has no question"),
    ],
)
def test_files_that_cannot_be_used_are_refused_with_the_place(
    tmp_path: Path, questions: list[dict[str, Any]], references: list[dict[str, Any]] | None, words: str
) -> None:
    with pytest.raises(BriefError, match=words):
        load_questions(write(tmp_path, questions, references))


def test_a_briefs_entries_become_measures_and_need_the_questions(tmp_path: Path) -> None:
    write(tmp_path, [MATH], [ANSWERED])
    entry = {"mt_bench": "math", "judge": endpoint().model_dump(), "threshold": 0.11, "max_tokens": 64}
    loaded = brief(capability("support", role="target"), capability("sums", benchmarks=[entry]))
    with pytest.raises(
        BriefError, match="'sums' has an MT-Bench benchmark, but the brief names no questions"
    ):
        mt_bench_measures(loaded)
    named = loaded.brief.model_copy(update={"mt_bench_questions": "question.jsonl"})
    (found,) = mt_bench_measures(loaded.model_copy(update={"brief": named, "folder": tmp_path}))
    assert (found.capability, found.name, found.threshold, len(found.items)) == (
        "sums",
        "mt_bench/math",
        0.11,
        2,
    )
    assert mt_bench_measures(brief()) == ()


@pytest.mark.skipif(not MT_BENCH.is_dir(), reason=f"needs MT-Bench's questions at {SHARED}")
def test_mt_bench_itself_is_80_questions_of_eight_categories_with_30_references() -> None:
    questions = load_questions(MT_BENCH / "question.jsonl")
    assert Counter(q.category for q in questions) == dict.fromkeys(CATEGORIES, 10)
    assert {q.category for q in questions if q.reference} == GUIDED
    assert sum(q.reference is not None for q in questions) == 30
