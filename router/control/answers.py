"""Answers by `Idempotency-Key`: whoever asks again with a key gets what was answered first, also after a restart.

The last ones are kept, in memory and in a file of one line an answer, so a client may ask again for as long as a retry
makes sense; the same key with another request is refused.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import OrderedDict
from pathlib import Path
from typing import Any, Final, NamedTuple

from telemetry.errors import UsageError
from telemetry.files import write_renamed

log = logging.getLogger(__name__)

KEPT: Final = 256
"""Answers that are kept. One holds a rollout's state, some kilobytes and at most a few hundred."""
KEPT_BYTES: Final = 16_000_000


class KeyReused(UsageError):
    """An idempotency key came with another request than before."""


class Answered(NamedTuple):
    """The status and the JSON of an answer."""

    status: int
    content: dict[str, Any]


def fingerprint(*parts: str) -> str:
    """What tells two requests apart."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


class Answers:
    """The answers given to requests with a key, oldest first. `file` keeps them; None keeps them in memory only.

    Not safe to use from several threads: whoever does, looks and keeps under one lock.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._kept: OrderedDict[str, tuple[str, str]] = OrderedDict()
        self._bytes = 0
        self._lines = 0
        if file is not None:
            self._load(file)

    def given(self, key: str, request: str) -> Answered | None:
        """What was answered to this key, None where nothing was. Raises KeyReused for another `request`."""
        found = self._kept.get(key)
        if found is None:
            return None
        if found[0] != request:
            raise KeyReused(
                f"Idempotency-Key {key!r} came with another request before",
                hint="A key belongs to one request: take a fresh one for each thing that you want done.",
            )
        return Answered(**json.loads(found[1]))

    def keep(self, key: str, request: str, answered: Answered) -> None:
        """Keep an answer. One that cannot be written is kept in memory: it costs no change and is logged."""
        line = json.dumps([key, request, json.dumps(answered._asdict())])
        self._take(key, request, json.dumps(answered._asdict()))
        if self._file is None:
            return
        try:
            if self._lines >= 2 * KEPT:
                self._rewrite(self._file)
                return
            with self._file.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
            self._lines += 1
        except OSError as error:
            log.error("an answer is not kept over a restart: %s", error)  # noqa: TRY400 - the message says it all

    def _take(self, key: str, request: str, answer: str) -> None:
        if before := self._kept.pop(key, None):
            self._bytes -= len(before[1])
        self._kept[key] = (request, answer)
        self._bytes += len(answer)
        while len(self._kept) > 1 and (len(self._kept) > KEPT or self._bytes > KEPT_BYTES):
            _, (_, gone) = self._kept.popitem(last=False)
            self._bytes -= len(gone)

    def _rewrite(self, file: Path) -> None:
        lines = [json.dumps([key, *kept]) for key, kept in self._kept.items()]
        write_renamed(file, ("\n".join(lines) + "\n").encode())
        self._lines = len(lines)

    def _load(self, file: Path) -> None:
        try:
            content = file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        except (OSError, UnicodeDecodeError) as error:
            log.warning("answers given before the restart are not known any more: %s", error)
            return
        lines = content.splitlines()
        self._lines = len(lines)
        for number, line in enumerate(lines, 1):
            try:
                key, request, answer = json.loads(line)
                Answered(**json.loads(answer))
            except (ValueError, TypeError):  # the last line, where control was killed while it wrote
                log.warning("%s, line %d is no answer and is passed over", file, number)
                continue
            self._take(key, request, answer)
        if content and not content.endswith("\n"):  # or the next answer would be a part of that line
            self._rewrite(file)
