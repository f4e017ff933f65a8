"""The interview from which a brief is made: which question comes next, and what an answer makes of the draft.

The next question follows from the draft alone, so that an interrupted interview is its answers told again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from evaluator.briefs.schema import UNFILLED
from evaluator.map.drafting.draft import Draft, share_trouble
from evaluator.map.drafting.questions import (
    ANOTHER,
    CAPABILITY,
    LATER,
    SHARES,
    TARGET,
    TOP,
    Given,
    Question,
)
from telemetry.errors import UsageError


class Next(NamedTuple):
    """The question to ask, and the number of the capability that it is about; None: the whole brief."""

    question: Question
    capability: int | None

    @property
    def id(self) -> str:
        """What an answer is kept under."""
        where = "brief" if self.capability is None else str(self.capability)
        return f"{where}.{self.question.key}"


def next_question(draft: Draft) -> Next | None:
    """The question to ask now, or None where everything was asked."""
    for question in TOP:
        if question.key not in draft.top and question.asked(draft.top):
            return Next(question, None)
    for index, known in enumerate(draft.capabilities):
        for question in CAPABILITY:
            if question.key not in known and question.asked(known):
                return Next(question, index)
    if not draft.complete:
        return Next(ANOTHER if draft.capabilities else TARGET, len(draft.capabilities))
    return Next(SHARES, None) if share_trouble(_shares(draft)) else None


def answered(draft: Draft, asked: Next, text: str) -> Draft:
    """The draft with the answer to a question. Raises ValueError where the text is no answer to it."""
    question, index = asked
    value = _value(draft, asked, text)
    if question is SHARES:
        return _reshared(draft, str(value))
    if index is None:
        return draft.with_top(question.key, value)
    if question is ANOTHER and value is None:
        if len(draft.capabilities) < 2:
            raise ValueError(
                "name one more: with the target alone nobody would see what the fine-tuning costs"
            )
        return Draft(draft.top, draft.capabilities, complete=True)
    if question.key == "name" and value in [c["name"] for c in draft.capabilities]:
        raise ValueError(f"{value!r} is named already")
    return draft.with_capability(index, question.key, value)


def _value(draft: Draft, asked: Next, text: str) -> Any:
    """What the text says: the question's default where it is empty, TODO where it is left for later."""
    question = asked.question
    if text.strip() == LATER and question.key != "name" and question is not SHARES:
        return None if question.key == "share" else UNFILLED
    if not text.strip():
        default = question.default(_known(draft, asked))
        if default is None:
            raise ValueError(f"say something, or {LATER} to leave it for later")
        text = default
    return question.read(text)


def default_of(draft: Draft, asked: Next) -> str | None:
    """What Enter answers here; None where something has to be said."""
    return asked.question.default(_known(draft, asked))


def help_of(draft: Draft, asked: Next) -> str:
    """What explains the question."""
    if asked.question is SHARES:
        said = f"{share_trouble(_shares(draft))}."
    else:
        said = asked.question.help(_known(draft, asked))
    return said[:1].upper() + said[1:]


def _known(draft: Draft, asked: Next) -> Given:
    index = asked.capability
    if index is None:
        return draft.top
    return draft.capabilities[index] if index < len(draft.capabilities) else {}


def _shares(draft: Draft) -> list[float | None]:
    return [c.get("share") for c in draft.capabilities]


def _reshared(draft: Draft, how: str) -> Draft:
    shares = _shares(draft)
    if how == "a":
        return draft.without_shares()
    known = [share for share in shares if share is not None]
    if len(known) < len(shares):
        raise ValueError("scaling would leave nothing for those without a share: tell them again (a)")
    for index, share in enumerate(known):
        draft = draft.with_capability(index, "share", round(share / sum(known), 4))
    return draft


def retold(start: Draft, answers: Sequence[tuple[str, str]]) -> Draft:
    """The draft after these answers, each with the id of its question. UsageError where they tell another story."""
    draft = start
    for number, (wanted, text) in enumerate(answers, start=1):
        asked = next_question(draft)
        if asked is None or asked.id != wanted:
            found = asked.id if asked else "none"
            raise UsageError(f"answer {number} is to {wanted!r}, and the question there is {found!r} now")
        try:
            draft = answered(draft, asked, text)
        except ValueError as error:
            raise UsageError(f"answer {number}, to {wanted!r}: {error}") from error
    return draft
