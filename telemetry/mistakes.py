"""Mistakes in what somebody wrote, in words: where, what is wrong, what came, and what may have been meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError


def did_you_mean(word: str, known: Iterable[str], most: int = 1) -> str:
    """The words that suggest the `most` nearest of the known words; nothing where none is near.

    >>> did_you_mean("treshold", ["share", "threshold"])
    "; did you mean 'threshold'?"
    """
    near = difflib.get_close_matches(word, sorted(known), n=most)
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""


def unknown_key(key: str, known: Iterable[str]) -> str:
    """What is said of a key that is none of the known ones."""
    return f"unknown key{near_or_known(key, known)}"


def near_or_known(word: str, known: Iterable[str]) -> str:
    """The words that suggest the nearest of the known words, or name them all where none is near."""
    names = list(known)
    return did_you_mean(word, names) or f"; known are {', '.join(names) or 'none'}"


def explain(error: ValidationError, kind: type[BaseModel]) -> list[str]:
    """One line a mistake in a document that should have been a `kind`."""
    details: list[dict[str, Any]] = [dict(detail) for detail in error.errors(include_url=False)]
    return [f"  {'.'.join(map(str, one['loc'])) or '(top)'}: {in_words(one, kind)}" for one in details]


def in_words(detail: Mapping[str, Any], kind: type[BaseModel]) -> str:
    """What is wrong by one detail of a validation error, without its place; of a value, what was found."""
    place: tuple[int | str, ...] = detail["loc"]
    if detail["type"] == "extra_forbidden":
        return unknown_key(str(place[-1]), keys_at(kind, place[:-1]))
    if detail["type"] == "missing":
        return "required, but it is not there"
    found = detail["input"]
    shown = f", found {found!r}" if isinstance(found, str | int | float) else ""
    return f"{str(detail['msg']).removeprefix('Value error, ')}{shown}"


def keys_at(kind: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """The keys that are known at a place within `kind`; none where that is no mapping of ours."""
    found: Any = kind
    for part in place:
        if isinstance(part, str):
            model = _model_in(found)
            if model is None or part not in model.model_fields:
                return []
            found = model.model_fields[part].annotation
    model = _model_in(found)
    return [] if model is None else list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation is made of: itself, or what a tuple, a list or an option of it holds."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)
