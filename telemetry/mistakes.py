"""Mistakes in what somebody wrote, in words: where, what is wrong, what came, and what may have been meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError


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


def explain(
    error: ValidationError,
    kind: type[BaseModel],
    origins: Mapping[tuple[int | str, ...], str] = MappingProxyType({}),
) -> list[str]:
    """One line a mistake in a document that should have been a `kind`.

    `origins` names what set a key where the document did not; such a value may be a secret and is not shown.
    """
    lines = []
    details: list[dict[str, Any]] = [dict(detail) for detail in error.errors(include_url=False)]
    for detail in details:
        place = detail["loc"]
        names = [name for at, name in origins.items() if at == place[: len(at)] or place == at[: len(place)]]
        came_from = f" (from {', '.join(names)})" if names else ""
        where = ".".join(map(str, place)) or "(top)"
        lines.append(f"  {where}: {in_words(detail, kind, show=not names)}{came_from}")
    return lines


def in_words(detail: Mapping[str, Any], kind: type[BaseModel], *, show: bool = True) -> str:
    """What is wrong by one detail of a validation error, without its place.

    What was found is said only where `show` is true and the key holds no secret.
    """
    place: tuple[int | str, ...] = detail["loc"]
    if detail["type"] == "extra_forbidden":
        return unknown_key(str(place[-1]), keys_at(kind, place[:-1]))
    if detail["type"] == "missing":
        return "required, but it is not there"
    found = detail["input"]
    shown = show and isinstance(found, str | int | float) and not _is_secret(kind, place)
    return str(detail["msg"]).removeprefix("Value error, ") + (f", found {found!r}" if shown else "")


def keys_at(kind: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """The keys that are known at a place within `kind`; none where that is no mapping of ours."""
    model = _model_in(_annotation_at(kind, place))
    return [] if model is None else list(model.model_fields)


def _annotation_at(kind: type[BaseModel], place: tuple[int | str, ...]) -> Any:
    """What stands at a place by the types, None where they do not say; a list's entry is as the list."""
    found: Any = kind
    for part in place:
        if isinstance(part, str) and get_origin(found) is dict:
            found = get_args(found)[1]
        elif isinstance(part, str):
            model = _model_in(found)
            field = model.model_fields.get(part) if model else None
            found = field.annotation if field else None
    return found


def _is_secret(kind: type[BaseModel], place: tuple[int | str, ...]) -> bool:
    # Of a union pydantic's place goes on with the member's name, so the keys before it are asked as well.
    return any(_holds_secret(_annotation_at(kind, place[:end])) for end in range(1, len(place) + 1))


def _holds_secret(annotation: Any) -> bool:
    return annotation in (SecretStr, SecretBytes) or any(map(_holds_secret, get_args(annotation)))


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation is made of: itself, or what a tuple, a list or an option of it holds."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)
