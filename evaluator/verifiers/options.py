"""The options of each verifier: what a brief may write under `judge.options`. An unknown one is an error."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from telemetry.mistakes import in_words, near_or_known

Words = Annotated[int, Field(gt=0)]


class NoOptions(BaseModel):
    """A verifier that has no options; the others extend it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ContainsAnswer(NoOptions):
    """An answer of more than `max_words` is wrong whatever it contains."""

    max_words: Words | None = None


class Extraction(NoOptions):
    """How many words may stand around what was to be extracted."""

    max_other_words: Annotated[int, Field(ge=0)] = 0


class Label(NoOptions):
    """The labels, of which an answer names exactly one."""

    labels: Annotated[tuple[str, ...], Field(min_length=2)]


class Number(NoOptions):
    """Which number of the answer counts."""

    which: Literal["last", "first"] = "last"


class OneSentence(NoOptions):
    """How long the sentence may be, and what fraction of its words the source has."""

    min_words: Words = 4
    max_words: Words = 40
    min_overlap: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5


class SupportReply(NoOptions):
    """What every reply begins and ends with, and how long it may be."""

    opening: Annotated[str, Field(min_length=1)]
    closing: Annotated[str, Field(min_length=1)]
    max_words: Words = 60


OPTIONS: Final[Mapping[str, type[NoOptions]]] = MappingProxyType(
    {
        "contains_answer": ContainsAnswer,
        "extraction": Extraction,
        "json_keys": NoOptions,
        "label": Label,
        "list_of": NoOptions,
        "number": Number,
        "one_sentence": OneSentence,
        "python_parses": NoOptions,
        "support_reply": SupportReply,
    }
)


def check_options(verifier: str, options: Mapping[str, Any]) -> list[str]:
    """What is wrong with the options of a known verifier, one line each; an empty list where nothing is."""
    model = OPTIONS[verifier]
    try:
        model.model_validate(dict(options))
    except ValidationError as error:
        return [_explain(verifier, dict(detail), model) for detail in error.errors()]
    return []


def _explain(verifier: str, detail: dict[str, Any], model: type[NoOptions]) -> str:
    name = ".".join(map(str, detail["loc"]))
    if detail["type"] == "missing":
        return f"verifier {verifier!r} needs the option {name!r}"
    if detail["type"] == "extra_forbidden":
        return f"verifier {verifier!r} has no option {name!r}{near_or_known(name, model.model_fields)}"
    return f"option {name!r} of verifier {verifier!r}: {in_words(detail, model)}"
