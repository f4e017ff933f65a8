"""What a mistake in a document or on a command line is told: where it is, what came, what may have been meant. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError


def nearest(word: str, known: Iterable[str], count: int = 1) -> list[str]:
    """The known words that `word` may have been meant to be, the nearest first; none where none is near."""
    return difflib.get_close_matches(word, sorted(known), n=count)


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """`; did you mean 'X'?` with the nearest known word, or `otherwise` where none is near.

    >>> did_you_mean("shar", ["share", "margin"])
    "; did you mean 'share'?"
    """
    found = nearest(word, known)
    return f"; did you mean {found[0]!r}?" if found else otherwise


def explain(error: ValidationError, kind: type[BaseModel]) -> list[str]:
    """One line a mistake: where it is, what came, what was expected; for an unknown key the near one."""
    return [explain_one(dict(detail), kind) for detail in error.errors(include_url=False)]


def explain_one(detail: Mapping[str, Any], kind: type[BaseModel]) -> str:
    """The line of one mistake, as pydantic tells it (`ValidationError.errors()`), within `kind`."""
    location: tuple[int | str, ...] = detail["loc"]
    where = ".".join(str(part) for part in location) or "(top)"
    if detail["type"] == "extra_forbidden":
        known = _fields_at(kind, location[:-1])
        meant = did_you_mean(str(location[-1]), known, f"; known are {', '.join(known)}")
        return f"  {where}: unknown key{meant}"
    if detail["type"] == "missing":
        return f"  {where}: missing, and it has no default"
    if detail["type"] == "value_error":
        return f"  {where}: {detail['msg'].removeprefix('Value error, ')}"
    return f"  {where}: {detail['msg']}; it is {detail['input']!r}"


def _fields_at(kind: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The keys that are known at a place within `kind`; none where that is no mapping of ours."""
    found: Any = kind
    for part in location:
        if isinstance(part, str):
            if part not in found.model_fields:
                return []
            found = found.model_fields[part].annotation
        found = _model_in(found)
        if found is None:
            return []
    return sorted(found.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation is made of: itself, or what a tuple, a list or an option of it holds."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)
