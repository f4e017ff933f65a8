"""What settings came to, key by key: the value, what said it, and never a secret.

A secret is hidden whole, so that its length is not told either. Hidden are keys that hold secrets, keys that are named
as secrets are, whatever stands in the folder of secrets, and passwords within addresses and texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretBytes, SecretStr

from telemetry.environment import Layers, Overlay, layers
from telemetry.privacy import without_secrets
from telemetry.settings import NO_FILE, mapping_in, valid

HIDDEN: Final = "(hidden)"
Source = Literal["default", "file", "secret", "environment"]
Place = tuple[str, ...]
_SECRET_NAME: Final = re.compile(r"(?i)(password|passphrase|secret|token|api_?key|credential|salt)s?$")
_VARIABLE: Final = re.compile(r"[A-Z_][A-Z0-9_]*")
_KEY_IN_PATH: Final = frozenset({"webhooks", "slack"})
"""Where the path of an address lets in whoever knows it."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One key's value as it may be told; `where` names the file, the variable or the secret that said it.

    `as_default` says that it is the default's value, whoever said it.
    """

    key: str
    value: Any
    source: Source
    where: str
    as_default: bool


def shown_file(path: Path, kind: type[BaseModel]) -> list[Shown]:
    """The settings that a process has that is started with this file, here. Raises SettingsError as it would."""
    return _shown(mapping_in(path, kind, NO_FILE), kind, str(path))


def shown_content(content: Mapping[str, Any], kind: type[BaseModel], where: str) -> list[Shown]:
    """As `shown_file`, of what is to stand in the file; what only repeats a default is told as one."""
    return [
        replace(one, source="default", where="") if one.source == "file" and one.as_default else one
        for one in _shown(content, kind, where)
    ]


def _shown(data: Mapping[str, Any], kind: type[BaseModel], where: str) -> list[Shown]:
    beside = layers(kind)
    settings = valid(dict(data), kind, beside.together(), where)
    return [_told(leaf, data, beside, where) for leaf in _leaves(settings)]


class _Leaf(NamedTuple):
    place: Place
    value: Any
    as_default: bool


def _leaves(found: Any, place: Place = (), *, as_default: bool = False) -> Iterator[_Leaf]:
    """Each value with its place; models and mappings that hold something are gone into, lists are one value."""
    if isinstance(found, BaseModel):
        for name, field in type(found).model_fields.items():
            value = getattr(found, name)
            same = not field.is_required() and value == field.get_default(call_default_factory=True)
            yield from _leaves(value, (*place, field.alias or name), as_default=same)
    elif isinstance(found, Mapping) and found:
        for name, value in found.items():
            yield from _leaves(value, (*place, str(name)))
    else:
        yield _Leaf(place, found, as_default)


def _told(leaf: _Leaf, data: Mapping[str, Any], beside: Layers, where: str) -> Shown:
    place = leaf.place
    source: Source = "default"
    name = ""
    if _has(beside.environment.values, place):
        source, name = "environment", _name(beside.environment, place)
    elif _has(beside.secrets.values, place):
        source, name = "secret", _name(beside.secrets, place).removeprefix("the secret ")
    elif _has(data, place):
        source, name = "file", where
    told = HIDDEN if source == "secret" else plain(leaf.value, place)
    return Shown(".".join(place), told, source, name, leaf.as_default)


def _has(values: Any, place: Place) -> bool:
    for part in place:
        if not isinstance(values, Mapping) or part not in values:
            return False
        values = values[part]
    return True


def _name(layer: Overlay, place: Place) -> str:
    """What set this key of a layer: the longest name that reaches it, since a variable may hold a whole mapping."""
    there = [at for at in layer.origins if tuple(map(str, at)) == place[: len(at)]]
    return layer.origins[max(there, key=len)] if there else ""


def plain(value: Any, place: Place) -> Any:
    """The value as JSON has it, without what is secret in it."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, BaseModel):
        fields = type(value).model_fields.items()
        return {n: plain(getattr(value, n), (*place, field.alias or n)) for n, field in fields}
    if isinstance(value, Mapping):
        return {str(n): plain(v, (*place, str(n))) for n, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(one, place) for one in value]
    if isinstance(value, Path):
        return without_secrets(str(value))
    if isinstance(value, SecretStr | SecretBytes) or _SECRET_NAME.search(place[-1]):
        return HIDDEN
    if isinstance(value, int | float):
        return value
    text = str(value)
    if place[-1].endswith("_env") and not _VARIABLE.fullmatch(text):
        return HIDDEN  # the secret itself, where its variable should be named
    return _address(text, whole=_KEY_IN_PATH.isdisjoint(place))


def _address(text: str, *, whole: bool) -> str:
    """A text without secrets; of an address neither names nor what it asks, and only on demand its path."""
    try:
        url = urlsplit(text)
    except ValueError:
        return HIDDEN
    if not url.scheme or not url.netloc:
        return without_secrets(text)
    user, _, host = url.netloc.rpartition("@")
    path = url.path if whole or url.path in ("", "/") else f"/{HIDDEN}"
    netloc = f"{HIDDEN}@{host}" if user else host
    query, fragment = (HIDDEN if part else "" for part in (url.query, url.fragment))
    return without_secrets(url._replace(netloc=netloc, path=path, query=query, fragment=fragment).geturl())
