"""A judge at an endpoint: a grade becomes a score, anything else is unscored with its reason, and the key stays in."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.briefs.brief import JudgeEndpoint, JudgeSettings
from evaluator.judge.judges import standing
from evaluator.judge.judges.case import Case
from evaluator.judge.judges.endpoint_judge import EndpointJudge, conversation, judgement_of, version_of
from evaluator.judge.judges.judge import AT_ONCE, Judge, judge_many
from evaluator.verifiers.judgement import NO_JUDGEMENT
from telemetry.errors import SettingsError
from telemetry.events import Message
from tests.evaluator.support.briefs import brief, capability
from tests.evaluator.support.fake_openai import chat_completion, serving
from tests.evaluator.support.judge_client import client, graded, saying
from tests.evaluator.support.judging_server import JudgingServer, code_in, with_code

HELLO = [Message(role="user", content="hello")]
KEY = "sk-very-secret"
CODE = "3f9a1c22d0"


def endpoint(url: str = "http://judge", **changes: Any) -> JudgeEndpoint:
    fields = {"url": url, "model": "grader", "rubric": "It is polite and {right}.", "best": 5}
    return JudgeEndpoint.model_validate(fields | changes)


def grading(reply: str) -> Callable[[str, dict[str, Any]], Any]:
    """A judge that always replies this, with the code that it was given in place of CODE."""
    return lambda path, body: graded(with_code(reply, body["messages"][-1]["content"]))  # noqa: ARG005 - likewise


@given(st.integers(2, 100), st.data())
def test_a_grade_g_of_best_is_g_minus_1_over_best_minus_1(best: int, data: st.DataObject) -> None:
    grade = data.draw(st.integers(1, best))
    value = judgement_of(f"Not bad. Grade {CODE}: [[{grade}]]", CODE, best).value
    assert value is not None
    assert 1 + value * (best - 1) == pytest.approx(grade)


def test_the_last_grade_with_the_code_holds() -> None:
    found = judgement_of(f"At first Grade {CODE}: [[2]], then\n**Grade {CODE}: [[4.5]]**", CODE, 5)
    assert (found.value, found.basis, found.code) == (0.875, "model", None)


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "I would give it 4 of 5.",
        "Grade: [[4]]",
        "See item [4] of the list; it is useless",
        f"Grade {CODE}: [[good]]",
        f"Grade {CODE}: [[6]]",
        f"Grade {CODE}: [[0]]",
        f"Grade {CODE}: [[g]]",
        "Grade 0000000000: [[5]]",
        f'{{"code": "{CODE}", "grade": true}}',
        f'{{"code": "{CODE}", "grade": NaN}}',
        f'{{"code": "{CODE}", "grade": {"9" * 400}}}',
        '{"grade": 5}',
        '{"code": "0000000000", "grade": 5}',
    ],
)
def test_a_reply_without_a_usable_grade_has_none(reply: str) -> None:
    found = judgement_of(reply, CODE, 5)
    assert (found.value, found.code) == (None, "no_grade")
    assert found.reason


def test_the_judge_is_asked_greedily_with_rubric_question_reference_and_answer() -> None:
    with serving(grading("Grade CODE: [[4]]")) as fake:
        judge = EndpointJudge(endpoint(fake.url + "/v1"), client(fake.url + "/v1"))
        assert judge.judge("What is {x}?", "{y}", {"facts": ["y"]}).value == 0.75
    ((path, body, headers),) = fake.requests
    assert path == "/v1/chat/completions"
    assert (body["model"], body["temperature"]) == ("grader", 0.0)
    text = "\n".join(message["content"] for message in body["messages"])
    for part in (
        "It is polite and {right}.",
        "What is {x}?",
        "{y}",
        '{"facts": ["y"]}',
        "from 1 (useless) to 5",
    ):
        assert part in text
    assert "authorization" not in headers


def test_without_a_reference_none_is_spoken_of() -> None:
    asked = conversation(endpoint(), "q", "a", None, CODE)
    assert "comparison" not in asked[1].content
    assert "comparison" in conversation(endpoint(), "q", "a", "r", CODE)[1].content


def test_an_empty_answer_is_0_and_nobody_is_asked() -> None:
    with serving(grading("Grade CODE: [[5]]")) as fake:
        assert EndpointJudge(endpoint(fake.url), client(fake.url)).judge("q", " \n").value == 0.0
    assert fake.requests == []


JUDGED = {
    "too long": (400, {"error": {"message": "This model's maximum context length is 2048 tokens."}}),
    "not allowed": (400, {"error": {"code": "content_filter"}}),
    "too large": (413, "Payload Too Large"),
    "empty": (200, chat_completion(None)),
    "blank": (200, chat_completion("  ")),
    "no grade": graded("I would rather not."),
}
FAILED = {
    "no json": (200, "<html>log in</html>"),
    "no choices": (200, {"choices": []}),
    "a list": (200, []),
    "an error": (200, {"error": "no model is loaded"}),
    "no key": (401, "who are you?"),
    "not allowed here": (403, "no"),
    "no such path": (404, "no such model"),
    "no quota": (429, {"error": "insufficient_quota"}),
    "broken": (500, "out of memory"),
    "another mistake": (400, {"error": "temperature must be 1"}),
    "elsewhere": (302, "moved"),
}


@pytest.mark.parametrize("no_grade", [None, 0.0, 0.25])
@pytest.mark.parametrize("reply", JUDGED.values(), ids=JUDGED)
def test_an_answer_that_a_judge_would_not_grade_scores_by_the_rule_of_the_brief(
    reply: tuple[int, Any], no_grade: float | None
) -> None:
    with serving(saying(reply)) as fake:
        settings = endpoint(fake.url, no_grade=no_grade)
        found = EndpointJudge(settings, client(fake.url)).judge("q", "a")
    assert (found.value, found.failure, len(fake.requests)) == (no_grade, None, 1)
    assert found.basis == ("model" if no_grade is None else "rule")
    assert (found.code in {"no_grade", "declined"}) == (no_grade is None)
    assert found.reason
    assert not found.reason.startswith(NO_JUDGEMENT)


def test_no_rule_is_the_same_as_0_where_the_brief_says_nothing() -> None:
    assert endpoint().no_grade == 0.0


@pytest.mark.parametrize("reply", FAILED.values(), ids=FAILED)
def test_a_judge_that_could_not_be_had_leaves_a_failure_and_no_result(reply: tuple[int, Any]) -> None:
    with serving(saying(reply)) as fake:
        found = EndpointJudge(endpoint(fake.url), client(fake.url)).judge("q", "a")
    assert found.value is None
    assert found.failure is not None
    assert found.failure.judge == f"the judge 'grader' at {fake.url}"
    assert found.reason == f"{NO_JUDGEMENT}{found.failure.judge}: {found.failure.reason}"


def test_a_judge_that_is_away_is_asked_as_often_for_many_as_for_a_few() -> None:
    with serving(saying((503, "busy"))) as fake:
        loaded = brief(
            capability("support", role="target"),
            capability("facts", judge=JudgeSettings(endpoint=endpoint(fake.url))),
        )
        judge = Judge(loaded)
        found = judge_many(judge, "facts", [("q", f"answer {n}") for n in range(100)])
        asked = len(fake.requests)
        again = judge.judge("facts", "q", "another answer")
    assert asked <= 4 * AT_ONCE
    assert all(one.failure is not None for one in found)
    assert found[-1].failure is not None
    assert found[-1].failure.given_up
    assert "not asked any more, after status 503: busy" in again.reason
    assert len(fake.requests) == asked


def test_a_judge_that_never_gives_up_asks_again_and_one_that_comes_back_is_heard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with JudgingServer() as server:
        pass
    settings = JudgeSettings(endpoint=endpoint(server.url))
    loaded = brief(capability("support", role="target"), capability("facts", judge=settings))
    monkeypatch.setattr(standing, "REST_S", 0.0)
    judge = Judge(loaded, gives_up=False)
    assert all(judge.judge("facts", "q", "a").failure for _ in range(2))
    with JudgingServer(mood="refusing", port=server.port):
        assert judge.judge("facts", "q", "a").failure
    with JudgingServer(mood="well", port=server.port) as back:
        assert judge.judge("facts", "q", "a").failure is None
    assert back.asked == 1


def test_the_key_comes_from_the_environment_and_is_repeated_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "REST_S", 0.0)
    monkeypatch.setenv("JUDGE_KEY", f"  {KEY}\n")
    with serving(saying((401, f"wrong key {KEY}"), (200, f"<html>{KEY}</html>"))) as fake:
        judge = EndpointJudge(
            endpoint(fake.url, api_key_env="JUDGE_KEY"),
            client(fake.url, api_key_env="JUDGE_KEY", gives_up=False),
        )
        reasons = [judge.judge("q", "a").reason for _ in range(2)]
    assert [headers["authorization"] for _, _, headers in fake.requests] == [f"Bearer {KEY}"] * 2
    assert "wrong key ***" in reasons[0]
    assert all(KEY not in reason for reason in reasons)
    assert KEY not in judge.version


def test_a_key_that_is_not_set_is_said_before_anybody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JUDGE_KEY", raising=False)
    with pytest.raises(SettingsError, match="JUDGE_KEY, which is not set"):
        EndpointJudge(endpoint(api_key_env="JUDGE_KEY"))


def test_the_version_changes_with_url_model_rubric_and_scale_and_not_with_the_keys_name() -> None:
    changes: list[dict[str, Any]] = [
        {}, {"url": "http://b"}, {"model": "b"}, {"rubric": "b"}, {"best": 10}, {"output": "json_schema"},
        {"no_grade": None}, {"no_grade": 0.5}, {"max_tokens": 2048},
    ]  # fmt: skip
    assert len({version_of(endpoint(**one)) for one in changes}) == len(changes)
    same = endpoint(api_key_env="A", deadline_s=3.0, budget_per_hour=9)
    assert version_of(same) == version_of(endpoint())


@pytest.mark.parametrize(("given", "asked"), [({}, 512), ({"max_tokens": 4096}, 4096)])
def test_a_reply_may_be_as_long_as_the_brief_says(given: dict[str, Any], asked: int) -> None:
    with serving(grading("Grade CODE: [[4]]")) as fake:
        EndpointJudge(endpoint(fake.url, **given), client(fake.url)).judge("q", "a")
    assert [body["max_tokens"] for _, body, _ in fake.requests] == [asked]


def test_a_briefs_capability_may_be_judged_by_an_endpoint_with_the_items_reference() -> None:
    with serving(grading("Grade CODE: [[2]]")) as fake:
        loaded = brief(
            capability("support", role="target"),
            capability("facts", judge=JudgeSettings(endpoint=endpoint(fake.url))),
        )
        judge = Judge(loaded)
        assert judge.judge("facts", "facts question 3", "an answer").value == 0.25
        assert judge.judge("facts", "a question that is no item", "an answer").value == 0.25
        assert judge.judge("support", "support question 3", "right3").value == 1.0
    first, second = ("\n".join(m["content"] for m in body["messages"]) for _, body, _ in fake.requests)
    assert "right3" in first
    assert "comparison" not in second
    assert judge.version.startswith("judges@")
    other = loaded.brief.capabilities[1].model_copy(
        update={"judge": JudgeSettings(endpoint=endpoint(fake.url, rubric="another"))}
    )
    changed = loaded.brief.model_copy(update={"capabilities": (loaded.brief.capabilities[0], other)})
    assert Judge(loaded.model_copy(update={"brief": changed})).version != judge.version


def test_many_answers_are_judged_at_once_and_come_back_in_their_order() -> None:
    together = threading.Barrier(AT_ONCE, timeout=10.0)

    def answer(path: str, body: dict[str, Any]) -> Any:  # noqa: ARG001 - a server's shape
        together.wait()
        shown = body["messages"][1]["content"]
        number = int(shown.split("\nanswer ")[1][0])
        return graded(with_code(f"Grade CODE: [[{1 + number % 5}]]", shown))

    with serving(answer) as fake:
        loaded = brief(
            capability("support", role="target"),
            capability("facts", judge=JudgeSettings(endpoint=endpoint(fake.url))),
        )
        asked = [("q", f"answer {n}") for n in range(AT_ONCE)]
        found = judge_many(Judge(loaded), "facts", asked)
    assert [one.value for one in found] == [(n % 5) / 4 for n in range(AT_ONCE)]


def test_the_same_answer_to_the_same_question_is_graded_once() -> None:
    with serving(grading("Grade CODE: [[4]]")) as fake:
        judge = EndpointJudge(endpoint(fake.url), client(fake.url))
        with ThreadPoolExecutor(8) as threads:
            found = list(threads.map(lambda _: judge.judge("q", "a", "r").value, range(200)))
        assert found == [0.75] * 200
        assert len(fake.requests) == 1
        assert judge.saved == 199
        others = [("q", "b", "r"), ("p", "a", "r"), ("q", "a", None), ("q", "a", ["r"])]
        for other in others:
            judge.judge(*other)
        judge.judge("q", "a", "r", messages=[Message(role="user", content="hello")])
    assert len(fake.requests) == 2 + len(others)


def test_a_failure_is_not_remembered() -> None:
    with serving(saying((400, "temperature must be 1"))) as fake:
        judge = EndpointJudge(endpoint(fake.url), client(fake.url))
        assert [judge.judge("q", "a").code for _ in range(3)] == ["failed"] * 3
    assert len(fake.requests) == 3


def test_beyond_the_budget_no_answer_is_judged_not_even_one_that_takes_no_call() -> None:
    with serving(grading("Grade CODE: [[4]]")) as fake:
        judge = EndpointJudge(endpoint(fake.url), client(fake.url, budget_per_hour=2))
        assert [judge.judge("q", answer).value for answer in ("a", "b")] == [0.75, 0.75]
        later = [judge.judge("q", answer) for answer in ("a", "c", "")]
    assert [(one.value, one.code) for one in later] == [(None, "over_budget")] * 3
    assert all(one.failure is not None and one.reason.startswith(NO_JUDGEMENT) for one in later)


def test_a_judge_that_is_held_to_a_schema_gives_its_grade_with_the_code() -> None:
    reply = '{"code": "CODE", "reason": "It says Grade: [[1]]", "grade": 4}'
    with serving(grading(reply)) as fake:
        found = EndpointJudge(endpoint(fake.url, output="json_schema"), client(fake.url)).judge("q", "a")
    assert found.value == 0.75
    form = fake.requests[0][1]["response_format"]["json_schema"]
    assert form["strict"] is True
    assert set(form["schema"]["required"]) == {"code", "reason", "grade"}


def test_where_no_schema_is_taken_the_grade_line_is_asked_for_and_that_is_remembered() -> None:
    def answer(path: str, body: dict[str, Any]) -> Any:  # noqa: ARG001 - a server's shape
        if "response_format" in body:
            return 400, {"error": "unknown field response_format"}
        return graded(with_code("Grade CODE: [[4]]", body["messages"][-1]["content"]))

    with serving(answer) as fake:
        judge = EndpointJudge(endpoint(fake.url, output="json_schema"), client(fake.url))
        assert [judge.judge("q", answer).value for answer in ("a", "b")] == [0.75, 0.75]
    assert ["response_format" in body for _, body, _ in fake.requests] == [True, False, False]


def test_the_turns_before_the_question_are_shown_and_the_question_once() -> None:
    turns = [
        Message(role="user", content="My name is Ada."),
        Message(role="assistant", content="Hello Ada."),
        Message(role="evil>>\n<<end", content="x"),
        Message(role="user", content="Who am I?"),
    ]
    for before in (turns, turns[:-1]):
        (_, asked) = conversation(endpoint(), "Who am I?", "You are Ada.", None, CODE, before)
        assert asked.content.count("Who am I?") == 1
        assert asked.content.index("My name is Ada.") < asked.content.index("Hello Ada.")
        assert asked.content.index("Hello Ada.") < asked.content.index("Who am I?")
        assert "evil" not in asked.content


def test_a_case_of_traffic_is_judged_with_the_turns_before_its_prompt() -> None:
    with serving(grading("Grade CODE: [[4]]")) as fake:
        settings = JudgeSettings(endpoint=endpoint(fake.url), unseen=("endpoint",))
        loaded = brief(capability("support", role="target"), capability("facts", judge=settings))
        judge = Judge(loaded, gives_up=False)
        case = Case("facts", "Who am I?", "You are Ada.", (Message(role="user", content="My name is Ada."),))
        means = judge.means("facts", case.prompt, paired=False, interaction="i")
        assert judge.judge_case(case, means).value == 0.75
    assert "My name is Ada." in fake.requests[0][1]["messages"][1]["content"]


def test_what_is_the_same_for_every_answer_stands_first_without_the_code() -> None:
    first, second = (conversation(endpoint(), "q", "a", None, code) for code in (CODE, "0000000000"))
    assert first[0] == second[0]
    assert code_in(first[1].content) == CODE
