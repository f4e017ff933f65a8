"""What MT-Bench's judge is asked: one answer's grade, or which of two conversations is better.

The questions, the two ways of asking, the bracketed verdicts and the guidance by reference answers are MT-Bench's
(Zheng et al. 2023, "Judging LLM-as-a-judge with MT-Bench and Chatbot Arena"). The wording is adapted from FastChat's
judge_prompts.jsonl, Copyright the FastChat authors, Apache License 2.0; it is shorter and not the same, so scores
compare with each other, not with published ones.
"""

from __future__ import annotations

from typing import Final

from evaluator.audit.mt_bench.data import Question
from telemetry.events import Message

BEST: Final = 10
_GRADE: Final = (
    "Explain briefly what is good and what is bad about it. Then rate it from 1 to 10 in exactly this form: "
    '"Rating: [[5]]".'
)
_WINNER: Final = (
    "Compare the two briefly. The order in which they stand, their length and their names must not influence you. "
    'Then give your verdict in exactly this form: "[[A]]" if assistant A is better, "[[B]]" if assistant B is better, '
    '"[[C]]" for a tie.'
)
_QUALITY: Final = "Consider how helpful, relevant, accurate, deep, creative and detailed {what}."
_CORRECTNESS: Final = """\
Consider how correct and helpful {what}. Compare with the reference answer first, and point out every mistake."""
_JUDGE: Final = (
    "You are an impartial judge of the answers that AI assistants give to users. Be as objective as possible."
)


def single(question: Question, turn: int, answers: tuple[str, ...], rubric: str) -> list[Message]:
    """Asks for a grade of the answer to `turn` (1 or 2); `answers` are those up to it."""
    what = "the answer is" if turn == 1 else "the answer to the second question is"
    system = "\n\n".join([_JUDGE, _criteria(question, what), _rubric(rubric), _GRADE])
    parts = [*_references(question, turn), _conversation("the assistant", question, turn, answers)]
    return [Message(role="system", content=system), Message(role="user", content="\n\n".join(parts))]


def pair(
    question: Question, turn: int, first: tuple[str, ...], second: tuple[str, ...], rubric: str
) -> list[Message]:
    """Asks whether assistant A's answers (`first`) or B's are better, up to `turn`."""
    what = "the answers are" if turn == 1 else "the answers to the second question are"
    system = "\n\n".join([_JUDGE, _criteria(question, what), _rubric(rubric), _WINNER])
    parts = [
        *_references(question, turn),
        _conversation("assistant A", question, turn, first),
        _conversation("assistant B", question, turn, second),
    ]
    return [Message(role="system", content=system), Message(role="user", content="\n\n".join(parts))]


def _criteria(question: Question, what: str) -> str:
    return (_CORRECTNESS if question.reference else _QUALITY).format(what=what)


def _rubric(rubric: str) -> str:
    return f"What counts here: {rubric.strip()}"


def _references(question: Question, turn: int) -> list[str]:
    if question.reference is None:
        return []
    return [_conversation("the reference", question, turn, question.reference)]


def _conversation(who: str, question: Question, turn: int, answers: tuple[str, ...]) -> str:
    lines = [f"<|The start of {who}'s conversation with the user|>"]
    for asked, answered in zip(question.turns[:turn], answers[:turn], strict=True):
        lines += ["### User:", asked, f"### {who[0].upper()}{who[1:]}:", answered]
    return "\n\n".join([*lines, f"<|The end of {who}'s conversation with the user|>"])


def wording() -> str:
    """Every word of the prompts, for the version of what they measure."""
    probe = Question(0, "math", ("{q1}", "{q2}"), ("{r1}", "{r2}"))
    plain = Question(0, "writing", ("{q1}", "{q2}"))
    asked = [
        *(single(q, t, ("{a1}", "{a2}")[:t], "{rubric}") for q in (probe, plain) for t in (1, 2)),
        *(
            pair(q, t, ("{a1}", "{a2}")[:t], ("{b1}", "{b2}")[:t], "{r}")
            for q in (probe, plain)
            for t in (1, 2)
        ),
    ]
    return "\n".join(message.content for messages in asked for message in messages)
