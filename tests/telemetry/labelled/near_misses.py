"""Texts without a secret that look as if they had one, made by a seed."""

from __future__ import annotations

import hashlib
import random
import uuid
from collections.abc import Callable, Iterator
from typing import Final

from tests.telemetry.labelled.generated import HEX

_WORDS: Final = (
    "river", "amber", "garden", "window", "little", "market", "yellow", "simple", "mountain", "letter", "winter",
    "copper", "silent", "basket",
)  # fmt: skip


def _hex(chance: random.Random, count: int) -> str:
    return "".join(chance.choices(HEX, k=count))


def _isbn(chance: random.Random) -> str:
    digits = [9, 7, 8, *(chance.randrange(10) for _ in range(9))]
    check = -sum(digit * (1, 3)[at % 2] for at, digit in enumerate(digits)) % 10
    text = "".join(map(str, [*digits, check]))
    return f"{text[:3]}-{text[3]}-{text[4:7]}-{text[7:12]}-{text[12]}"


def _words(chance: random.Random, count: int, between: str) -> str:
    return between.join(chance.choices(_WORDS, k=count))


KINDS: Final[dict[str, Callable[[random.Random], str]]] = {
    "git commit": lambda c: f"fixed in commit {_hex(c, 40)} of the main branch",
    "short commit": lambda c: f"git checkout {_hex(c, 9)} && make",
    "sha256 of a file": lambda c: (
        f"{hashlib.sha256(c.randbytes(8)).hexdigest()}  belay-0.1.{c.randrange(9)}.tar.gz"
    ),
    "image digest": lambda c: f"FROM python:3.11@sha256:{_hex(c, 64)}",
    "md5 in code": lambda c: f'assert md5("{_words(c, 1, "")}") == "{_hex(c, 32)}"',
    "integrity": lambda c: f'"integrity": "sha512-{_hex(c, 40)}=="',
    "uuid": lambda c: f"request {uuid.UUID(int=c.getrandbits(128), version=4)} failed with 404",
    "uuid as an id": lambda c: f'{{"id": "{uuid.UUID(int=c.getrandbits(128), version=4)}"}}',
    "version": lambda c: (
        f"torch=={c.randrange(3)}.{c.randrange(20)}.{c.randrange(9)}+cu{c.randrange(118, 130)}"
    ),
    "isbn": lambda c: f"The book has ISBN {_isbn(c)} and 312 pages",
    "order": lambda c: f"order {c.randrange(10**8, 10**9)}, ticket #{c.randrange(10**5, 10**6)}",
    "phone-like id": lambda c: (
        f"part no. {c.randrange(10, 99)}-{c.randrange(1000, 9999)}-{c.randrange(10, 99)}"
    ),
    "date and time": lambda c: (
        f"on 20{c.randrange(10, 30)}-0{c.randrange(1, 9)}-1{c.randrange(9)} at 10:4{c.randrange(9)}"
    ),
    "arithmetic": lambda c: f"{c.randrange(10**6)} * {c.randrange(10**6)} = {c.randrange(10**12)}",
    "slug": lambda c: f"https://example.com/blog/{_words(c, 6, '-')}",
    "path": lambda c: f"/usr/lib/{_words(c, 4, '/')}/{_words(c, 2, '_')}.so.{c.randrange(9)}",
    "object key": lambda c: (
        f'key="{_words(c, 3, "/")}/2024/05/{c.randrange(10, 28)}/{_words(c, 2, "-")}.parquet"'
    ),
    "counts of tokens": lambda c: f"max_tokens={c.randrange(16, 9999)}, token: {c.randrange(50_000)}",
    "sort key": lambda c: f"sorted(rows, key=lambda row: row['{_words(c, 1, '')}_{c.randrange(9)}'])",
    "key in prose": lambda c: f"The key: {_words(c, 5, ' ')} with {c.randrange(100)} others",
    "password in prose": lambda c: f"The password: {_words(c, 1, '')} it and ask the {_words(c, 1, '')}",
    "password in code": lambda c: f"password = {_words(c, 1, '')}.get_password({c.randrange(9)})",
    "password by name": lambda c: f"password: ${{{_words(c, 1, '').upper()}_PASSWORD}}",
    "password to fill in": lambda c: f'"password": "<your {_words(c, 1, "")} password>"',
    "type of a password": lambda c: (
        f"def {_words(c, 2, '_')}(password: str, token: str | None = None) -> bool:"
    ),
    "environment": lambda c: f'api_key = os.environ["{_words(c, 1, "").upper()}_API_KEY"]',
    "bearer in prose": lambda c: f"a bearer {_words(c, 3, ' ')}, basic {_words(c, 2, ' ')}",
    "css": lambda c: f".{_words(c, 2, '-')} {{ color: #{_hex(c, 6)}; margin: 0 {c.randrange(40)}px }}",
    "identifiers": lambda c: (
        f"{_words(c, 4, '_')}_{c.randrange(99)} = sk_{_words(c, 1, '')}({_words(c, 1, '')})"
    ),
    "embedding": lambda c: f"[0.{c.randrange(10**7)}, -0.{c.randrange(10**7)}, 1.{c.randrange(10**7)}]",
    "cell": lambda c: f"=SUM(A{c.randrange(99)}:B{c.randrange(99, 999)})*{c.randrange(9)}",
    "log line": lambda c: f"INFO 10.{c.randrange(9)} ms trace_id={_hex(c, 32)} span_id={_hex(c, 16)}",
    "cache key": lambda c: f"cache key: user:{c.randrange(999)}:{_words(c, 2, ':')}",
    "score": lambda c: (
        f"{c.randrange(100)}-{c.randrange(100)} after extra time, {c.randrange(10**4)} watched"
    ),
    "address": lambda c: (
        f"{c.randrange(1, 999)} {_words(c, 1, '').title()} Street, {c.randrange(10_000, 99_999)}"
    ),
}

_EACH: Final = 9


def near_misses(seed: int = 17) -> Iterator[tuple[str, str]]:
    """Kind and text of `_EACH` texts of each kind, the same ones for the same seed."""
    chance = random.Random(seed)
    for kind, make in KINDS.items():
        for _ in range(_EACH):
            yield kind, make(chance)
